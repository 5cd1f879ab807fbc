"""Test texts that a model may have nearly seen: in its own training part or in other corpora."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proxylm.checks.findings import Finding, Hit, finding
from proxylm.checks.near_duplicates import LARGEST, THRESHOLD, Index
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
        texts = getattr(split, part).texts
        repeated = sorted({match.known for match in index.matches(texts)})
        if repeated:
            message = (
                f"{len(repeated)} of {len(split.test)} test texts are nearly in {part}{_of(texts)} "
                f"(similarity {THRESHOLD} or more): scores on them flatter"
            )
            hits = [Hit(f"test {i + 1}", split.test.texts[i]) for i in repeated]
            way_on = "take near duplicates out, or bring a test set of its own"
            found.append(finding("warning", "near_duplicates", message, hits, way_on))
    return found


def between_corpora(own: Sequence[Side], others: Iterable[Side]) -> list[Finding]:
    """Near duplicates between the test part here and train there, and the other way round."""
    others = list(others)
    found = []
    for side in own:
        same = [other for other in others if other.language == side.language]
        if same:
            found += _test_here(side, same)
            found += _test_there(side, same)
    return found


def _test_here(side: Side, others: Sequence[Side]) -> list[Finding]:
    index = Index(side.test)
    found = []
    for other in others:
        seen = sorted({match.known for match in index.matches(other.train)})
        if seen:
            message = (
                f"{len(seen)} of {len(side.test)} test texts are nearly in train of "
                f"{other.name}{_of(other.train)}"
            )
            found.append(
                _contamination(message, [Hit(f"test {i + 1}", side.test[i]) for i in seen])
            )
    return found


def _test_there(side: Side, others: Sequence[Side]) -> list[Finding]:
    # One index of all of them, so that the training texts are gone through once.
    tests = [(other.name, i, text) for other in others for i, text in enumerate(other.test)]
    index = Index([text for _, _, text in tests])
    seen: dict[str, list[Hit]] = {}
    for known in sorted({match.known for match in index.matches(side.train)}):
        name, i, text = tests[known]
        seen.setdefault(name, []).append(Hit(f"test {i + 1} of {name}", text))
    sizes = {other.name: len(other.test) for other in others}
    return [
        _contamination(
            f"{len(hits)} of {sizes[name]} test texts of {name} are nearly in train of this text"
            f"{_of(side.train)}",
            hits,
        )
        for name, hits in seen.items()
    ]


def _of(texts: Sequence[str]) -> str:
    return f", of which {LARGEST:,} texts were compared" if len(texts) > LARGEST else ""


def _contamination(message: str, hits: Sequence[Hit]) -> Finding:
    way_on = "do not train on the one and test on the other"
    return finding("warning", "contamination", message, hits, way_on)


def sides(name: str, split: CorpusSplit, source: str, target: str) -> list[Side]:
    """The languages of a part; for mt the target texts are a side of their own."""
    found = [Side(name, source, split.train.texts, split.test.texts)]
    if target != source:
        found.append(Side(name, target, split.train.labels, split.test.labels))
    return found
