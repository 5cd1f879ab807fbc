"""Evaluations that cost next to nothing, or as much CPU as a test asks for: a translator of words.

A `command` model and texts in eight languages: the real engine, without a model to load.
"""

import sys
from pathlib import Path

from warehouse.home import Home

LANGUAGES = (
    "deu_Latn", "fra_Latn", "spa_Latn", "nld_Latn", "dan_Latn", "ita_Latn", "por_Latn", "swe_Latn",
)  # fmt: skip
PROGRAM = """
import sys, time
lines = sys.stdin.read().splitlines()
while time.process_time() < {seconds}: pass
print("\\n".join(line.upper() for line in lines))
"""


def add_toys(home: Home, models: int = 1, languages: int = 8, cpu_seconds: float = 0.0) -> int:
    """A catalogue with so many models that translate so many pairs; returns how many evaluations.

    Each evaluation burns `cpu_seconds`.
    """
    program = home.path / "toy.py"
    program.write_text(PROGRAM.format(seconds=cpu_seconds))
    folder = home.corpora / "toys"
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES[:languages]:
        rows = (f"word number {i} here\tWORD NUMBER {i} {language[:3]}" for i in range(30))
        (folder / f"eng_Latn-{language}.tsv").write_text("\n".join(rows) + "\n")
    pairs = ", ".join(
        f"{{language: eng_Latn, with_language: {language}}}" for language in LANGUAGES[:languages]
    )
    (home.catalogue / "toys.yaml").write_text(
        "corpora:\n"
        "  - {id: toys, task: mt, reader: file, train_size: 5, test_size: 20, licence: CC0-1.0,\n"
        f"     parts: [{pairs}]}}\n"
        "models:\n"
        + "".join(
            f"  - {{id: toy-{m}, kind: command, mode: zero_shot, role: proxy, tasks: [mt],\n"
            f"     config: {{command: [{sys.executable}, {program}]}}}}\n"
            for m in range(models)
        )
    )
    return models * languages


def home_with_toys(path: Path, **how: float) -> Home:
    """A new home with toys."""
    home = Home.create(path)
    add_toys(home, **how)  # type: ignore[arg-type]
    return home
