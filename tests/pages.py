"""Does what a page of docs/ says: writes its files, makes its edits, types its commands.

A line "`path`:" before a block names the file that the block is, or changes. A block that begins
with `$ ` is a terminal; `...` in it stands for any lines.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    path: str | None  # the file named last before it, for files and edits


def blocks(page: str) -> list[Block]:
    """The blocks of Markdown text, in their order."""
    found: list[Block] = []
    path = None
    for match in re.finditer(r"^`([^`\n]+)`:$|^```(\w*)\n(.*?)^```$", page, re.M | re.S):
        if match[1]:
            path = match[1]
        else:
            found.append(Block(match[2], match[3], path))
    return found


def section(page: str, title: str) -> str:
    """The part of a page below a heading of the second level."""
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    return str(text)


def follow(block: Block, folder: Path) -> None:
    """Do what a block says in a copy of the checkout; AssertionError where it does not come out."""
    if block.text.startswith("$ "):
        for typed in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            command, _, expected = typed.partition("\n")
            _type(command, expected, folder)
        return
    assert block.path is not None, block
    file = folder / block.path
    if block.language != "diff":
        assert not file.exists(), file
        file.write_text(block.text)
        return
    lines = block.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    text = file.read_text()
    assert text.count(before) == 1, f"{block.path} has this {text.count(before)} times:\n{before}"
    file.write_text(text.replace(before, after))


def _type(command: str, expected: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if name != "PLM_HOME"},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "COLUMNS": "200",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    said = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert done.returncode == 0, f"{command}\n{said}"
    wanted = "\n".join(line.rstrip() for line in expected.splitlines())
    pattern = re.escape(wanted).replace(re.escape("..."), "(.|\n)*")
    assert re.fullmatch(pattern, said), f"{command}\nsaid:\n{said}\nthe page says:\n{wanted}"
