"""Near duplicates: as many as comparing every pair finds, and none that are not."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.checks.near_duplicates import THRESHOLD, Index
from tests.django_text import pairs


def similarity(one: str, other: str) -> float:
    """Jaccard's, written down as in a textbook."""

    def grams(text: str) -> set[str]:
        text = " ".join(text.lower().split())
        return {text[i : i + 5] for i in range(len(text) - 4)} or {text}

    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def test_nothing_is_missed_and_nothing_made_up_on_real_text() -> None:
    texts = pairs("fi").texts
    rng = random.Random(1)
    changed = []
    for text in texts:
        words = text.split()
        words[rng.randrange(len(words))] = rng.choice(texts).split()[0]
        changed.append(" ".join(words))
    expected = {
        i for i, text in enumerate(changed) if max(similarity(text, x) for x in texts) >= THRESHOLD
    }
    matches = Index(texts).matches(changed)
    assert {match.text for match in matches} == expected
    assert len(expected) > 20
    for match in matches:
        assert match.similarity == similarity(changed[match.text], texts[match.known])


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_text_matches_itself_whatever_its_case_and_spacing(text: str) -> None:
    (match,) = Index(["something else entirely", text]).matches([f"  {text}\n"])
    assert (match.known, match.similarity) == (1, 1.0)
