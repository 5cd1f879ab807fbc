"""Test texts that a model may have nearly seen: in its own training part or in other corpora."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxylm.checks.findings import Finding, Hit, finding
from proxylm.checks.near_duplicates import THRESHOLD, Index
from proxylm.corpora import CorpusSplit


class Side(NamedTuple):
    """One language of a part of another corpus."""

    name: str  # of the part, for messages
    language: str
    train: Sequence[str]
    test: Sequence[str]


def between_parts(split: CorpusSplit) -> list[Finding]:
    """Near duplicates between the test part and train or dev."""
    index = Index(split.test.texts)
    found = []
    for part in ("train", "dev"):
        matches = index.matches(getattr(split, part).texts)
        repeated = sorted({match.known for match in matches})
        if repeated:
            message = (
                f"{len(repeated)} of {len(split.test)} test texts are nearly in {part} "
                f"(similarity {THRESHOLD} or more): scores on them flatter"
            )
            hits = [Hit(f"test {i + 1}", split.test.texts[i]) for i in repeated]
            way_on = "take near duplicates out, or bring a test set of its own"
            found.append(finding("warning", "near_duplicates", message, hits, way_on))
    return found


def between_corpora(own: Sequence[Side], others: Iterable[Side]) -> list[Finding]:
    """Near duplicates between the test part here and train there, and the other way round."""
    indexes = {side.language: (side, Index(side.test), Index(side.train)) for side in own}
    found = []
    for other in others:
        if other.language not in indexes:
            continue
        side, test, train = indexes[other.language]
        seen = sorted({match.known for match in test.matches(other.train)})
        if seen:
            message = (
                f"{len(seen)} of {len(side.test)} test texts are nearly in train of {other.name}"
            )
            hits = [Hit(f"test {i + 1}", side.test[i]) for i in seen]
            found.append(_contamination(message, hits))
        seen = sorted({match.text for match in train.matches(other.test)})
        if seen:
            message = (
                f"{len(seen)} of {len(other.test)} test texts of {other.name} are nearly in "
                "train of this text"
            )
            hits = [Hit(f"test {i + 1} of {other.name}", other.test[i]) for i in seen]
            found.append(_contamination(message, hits))
    return found


def _contamination(message: str, hits: Sequence[Hit]) -> Finding:
    way_on = "do not train on the one and test on the other"
    return finding("warning", "contamination", message, hits, way_on)


def sides(name: str, split: CorpusSplit, source: str, target: str) -> list[Side]:
    """The languages of a part; for mt the target texts are a side of their own."""
    found = [Side(name, source, split.train.texts, split.test.texts)]
    if target != source:
        found.append(Side(name, target, split.train.labels, split.test.labels))
    return found
