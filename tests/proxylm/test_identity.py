"""Keys: the same parts give the same key, any part that can change a number another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxylm import identity

TRAINING = {
    "model_id": "m",
    "revision": "1",
    "mode": "fine_tuned",
    "recipe": "lora",
    "seed": "0",
    "train_corpus": "c",
    "train_fingerprint": "f",
    "train_size": 10,
    "languages": ("swh_Latn",),
}
EVALUATION = {
    "training_key": "t",
    "task": "intent",
    "source_lang": "swh_Latn",
    "target_lang": "eng_Latn",
    "test_corpus": "c",
    "test_fingerprint": "f",
    "split_version": "1",
    "decoding": "greedy",
    "precision": "float32",
    "backend": "torch",
    "segment_limit": None,
}


def test_canonical_json_has_one_text_for_one_value() -> None:
    assert identity.canonical_json({"b": 1, "a": ["é", None]}) == '{"a":["é",null],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        identity.canonical_json(math.nan)


def test_a_digest_is_sha256_of_the_canonical_json() -> None:
    assert identity.digest({"a": 1}) == (
        "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    )


@pytest.mark.parametrize("part", TRAINING)
def test_each_part_of_a_training_changes_its_key(part: str) -> None:
    changed = {**TRAINING, part: 11 if part == "train_size" else "other"}
    assert identity.training_key(**TRAINING) != identity.training_key(**changed)


@pytest.mark.parametrize("part", EVALUATION)
def test_each_part_of_an_evaluation_changes_its_key(part: str) -> None:
    changed = {**EVALUATION, part: 5 if part == "segment_limit" else "other"}
    assert identity.evaluation_key(**EVALUATION) != identity.evaluation_key(**changed)


def test_zero_shot_does_not_depend_on_a_training_corpus() -> None:
    zero_shot = {**TRAINING, "mode": "zero_shot"}
    other = {**zero_shot, "train_corpus": "d", "train_size": 99, "languages": ()}
    assert identity.training_key(**zero_shot) == identity.training_key(**other)
    assert identity.training_key(**zero_shot) != identity.training_key(**zero_shot, prompt="p")


def test_run_groups_are_per_direction_for_mt_and_per_training_language_otherwise() -> None:
    group = identity.run_group
    assert group("mt", "a", "b", "c", 5) != group("mt", "b", "a", "c", 5)
    assert group("intent", "a", "b", "c", None) == group("intent", "a", "x", "c", None)


def test_the_board_language_is_the_target_or_the_side_that_is_not_english() -> None:
    assert identity.board_language("mt", "swh_Latn", "eng_Latn") == "swh_Latn"
    assert identity.board_language("mt", "eng_Latn", "swh_Latn") == "swh_Latn"
    assert identity.board_language("intent", "swh_Latn", "eng_Latn") == "eng_Latn"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_fingerprint_depends_on_every_line(rows: list[tuple[str, str]]) -> None:
    assert identity.corpus_fingerprint(rows) == identity.corpus_fingerprint(list(rows))
    assert identity.corpus_fingerprint(rows) != identity.corpus_fingerprint([*rows, ("", "")])
