"""Programs in place of the Python of COMET's own environment."""

import sys
from pathlib import Path

OVERLAP = """
def overlap(line):
    said, true = set(line["mt"].split()), set(line["ref"].split())
    return len(said & true) / len(said | true)
lines = [json.loads(line) for line in sys.stdin]
model = sys.argv[sys.argv.index("--model") + 1]
json.dump({"model": model, "version": "1.5", "scores": [overlap(x) for x in lines]}, sys.stdout)
"""
"""Keeps the contract: the score is the overlap of the words of hypothesis and reference."""


def program(folder: Path, body: str) -> str:
    """A program in place of the other environment's Python."""
    path = folder / "scorer"
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}")
    path.chmod(0o755)
    return str(path)
