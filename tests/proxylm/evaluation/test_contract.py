"""What travels to a worker, and the keys that say what is already done."""

from dataclasses import replace
from typing import Any

import pytest

from proxylm.errors import InputError
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart

PART = TextPart("größe", "swh_Latn", "swh_Latn", "f" * 64, "corpora/swh_Latn.parquet")
OTHER = TextPart("größe", "zul_Latn", "zul_Latn", "e" * 64, "corpora/zul_Latn.parquet")
MODEL = ModelSpec("transformer-1x32", "1", "byte-transformer", {"layers": 1, "width": 32})
RECIPE: dict[str, Any] = {"name": "r", "epochs": 3, "learning_rate": 0.1, "batch_size": 4}
JOB = Job(MODEL, "from_scratch", RECIPE, 1, PART, 300, (PART, OTHER))


def test_a_batch_survives_the_journey_as_json() -> None:
    batch = Batch((JOB, replace(JOB, train=None, train_size=None, mode="zero_shot")))
    again = Batch.from_json(batch.to_json())
    assert again == batch
    assert [job.training_key for job in again.jobs] == [job.training_key for job in batch.jobs]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": "1", "jobs": [{}]}', '{"version": "9", "jobs": []}']
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="batch"):
        Batch.from_json(text)


@pytest.mark.parametrize(
    "changed",
    [
        replace(JOB, seed=2),
        replace(JOB, train=OTHER),
        replace(JOB, train_size=200),
        replace(JOB, mode="fine_tuned"),
        replace(JOB, recipe={**RECIPE, "epochs": 4}),
        replace(JOB, model=replace(MODEL, revision="2")),
        replace(JOB, model=replace(MODEL, config={"layers": 2, "width": 32})),
        replace(JOB, train=replace(PART, fingerprint="d" * 64)),
    ],
)
def test_whatever_can_change_the_training_changes_its_key(changed: Job) -> None:
    assert changed.training_key != JOB.training_key
    assert changed.evaluation_key(PART) != JOB.evaluation_key(PART)


def test_tests_and_file_paths_do_not_change_the_training_key() -> None:
    moved = replace(JOB, tests=(OTHER,), train=replace(PART, path="/elsewhere/x.parquet"))
    assert moved.training_key == JOB.training_key
    assert JOB.evaluation_key(PART) != JOB.evaluation_key(OTHER)


def test_the_setting_is_trained_on_and_tested_on() -> None:
    assert JOB.setting_languages(OTHER) == ("swh_Latn", "zul_Latn")


def test_a_recipe_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="the recipe of transformer-1x32 has no name"):
        replace(JOB, recipe={"epochs": 3})


def test_an_unknown_kind_names_those_there_are() -> None:
    unknown = replace(JOB, model=replace(MODEL, kind="perceptron"))
    with pytest.raises(InputError, match=r"no kind of model perceptron.*byte-transformer"):
        unknown.evaluation_key(PART)
