"""CoNLL: a word and its BIO tag a line, a blank line between sentences."""

from pathlib import Path

from proxylm.errors import InputError, UsageError
from proxylm.readers.contract import Reading, Row, Wanted, file_lines


def read(path: Path, wanted: Wanted) -> Reading:
    """A row for each sentence; the first column is the word, the last one the tag.

    Lines that start with `# ` before a sentence and `-DOCSTART-` are skipped. Raises InputError
    for a line without a tag.
    """
    if wanted.task != "slot":
        raise UsageError(f"{path}: CoNLL holds tagged words; use it with --task slot")
    words: list[str] = []
    tags: list[str] = []
    first = 0
    for number, line in enumerate([*file_lines(path), ""], start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        fields = [field.strip() for field in fields]
        if not any(fields) or fields[0] == "-DOCSTART-":
            if words:
                yield Row(" ".join(words), " ".join(tags), f"line {first}")
            words, tags = [], []
            continue
        if not words and fields[0] == "#" and len(fields) != 2:  # a comment, not the word `#`
            continue
        if len(fields) < 2 or not fields[0] or not fields[-1] or " " in fields[0] + fields[-1]:
            raise InputError(f"{path}, line {number}: not a word and a tag")
        if not words:
            first = number
        words.append(fields[0])
        tags.append(fields[-1])
