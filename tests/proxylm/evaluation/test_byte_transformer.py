"""A byte Transformer really learns, and the same seed learns the same."""

from collections import Counter
from pathlib import Path

import pytest

from proxylm.corpora import Labelled, read_corpus
from proxylm.errors import InputError
from proxylm.evaluation.byte_transformer import prepare
from proxylm.evaluation.contract import Job, ModelSpec


@pytest.fixture
def corpus(job: Job) -> tuple[Labelled, Labelled]:
    assert job.train is not None
    split = read_corpus(Path(job.train.path)).split
    return split.train, split.test


def accuracy_of(found: list[str], test: Labelled) -> float:
    return sum(a == b for a, b in zip(found, test.labels, strict=True)) / len(test)


def test_it_beats_the_majority_class_by_far(job: Job, corpus: tuple[Labelled, Labelled]) -> None:
    train, test = corpus
    found = prepare(job.model, "cpu").fit(train, test, job.recipe, 1).classify(test.texts)
    majority = Counter(test.labels).most_common(1)[0][1] / len(test)
    assert accuracy_of(found, test) > majority + 0.4


def test_equal_seeds_give_equal_hypotheses_and_other_seeds_do_not(
    job: Job, corpus: tuple[Labelled, Labelled]
) -> None:
    train, test = corpus
    recipe = {**job.recipe, "epochs": 2}
    model = prepare(job.model, "cpu")
    first, again, other = (
        model.fit(train, test, recipe, seed).classify(test.texts) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_saved_classifier_answers_as_before(
    job: Job, corpus: tuple[Labelled, Labelled], tmp_path: Path
) -> None:
    train, test = corpus
    model = prepare(job.model, "cpu")
    trained = model.fit(train, test, {**job.recipe, "epochs": 2}, 1)
    trained.save(tmp_path)
    assert {path.name for path in tmp_path.glob("*.*")} == {"model.safetensors", "labels.json"}
    assert model.load(tmp_path).classify(test.texts) == trained.classify(test.texts)


def test_long_and_one_byte_texts_are_classified(
    job: Job, corpus: tuple[Labelled, Labelled]
) -> None:
    train, test = corpus
    trained = prepare(job.model, "cpu").fit(train, test, {**job.recipe, "epochs": 1}, 1)
    assert len(trained.classify(["x", "ж" * 500, "enciende la luz"])) == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"layers": 1}, "lacks width"),
        ({"layers": 1, "width": 33}, "multiple of 32"),
        ({"layers": 0, "width": 32}, "at least 1"),
    ],
)
def test_an_impossible_size_is_refused(config: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(ModelSpec("transformer-1x33", "1", "byte-transformer", config), "cpu")


def test_an_incomplete_recipe_is_refused(job: Job, corpus: tuple[Labelled, Labelled]) -> None:
    with pytest.raises(InputError, match="lacks batch_size, learning_rate"):
        prepare(job.model, "cpu").fit(*corpus, {"name": "r", "epochs": 1}, 1)
