"""A byte Transformer really learns, and the same seed learns the same."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from proxylm.corpora import CorpusSplit, Labelled, read_corpus
from proxylm.errors import InputError
from proxylm.evaluation.byte_transformer import prepare
from proxylm.evaluation.contract import Job, ModelSpec
from tests.proxylm.evaluation.conftest import query_of, training_of


@pytest.fixture
def corpus(job: Job) -> CorpusSplit:
    assert job.train is not None
    return read_corpus(Path(job.train.path)).split


def accuracy_of(found: list[str], test: Labelled) -> float:
    return sum(a == b for a, b in zip(found, test.labels, strict=True)) / len(test)


def test_it_beats_the_majority_class_by_far(job: Job, corpus: CorpusSplit, tmp_path: Path) -> None:
    test, training = corpus.test, training_of(job, corpus, tmp_path)
    answers = prepare(job.model, "cpu").fit(training).answer(query_of(test.texts))
    majority = Counter(test.labels).most_common(1)[0][1] / len(test)
    assert accuracy_of(answers.hypotheses, test) > majority + 0.4
    assert answers.tokens_in == sum(len(text.encode()) for text in test.texts)
    assert answers.tokens_out is None


def test_the_log_has_a_row_an_epoch_and_the_bytes_read(
    job: Job, corpus: CorpusSplit, tmp_path: Path
) -> None:
    training = training_of(job, corpus, tmp_path)
    prepare(job.model, "cpu").fit(training)
    curve = training.log.curve
    assert [row["epoch"] for row in curve] == list(range(1, 9))
    assert [row["step"] for row in curve] == [6 * epoch for epoch in range(1, 9)]  # 90 lines by 16
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"]
    assert training.log.tokens == 8 * sum(len(text.encode()) for text in corpus.train.texts)


def test_equal_seeds_give_equal_hypotheses_and_other_seeds_do_not(
    job: Job, corpus: CorpusSplit, tmp_path: Path
) -> None:
    job = replace(job, recipe={**job.recipe, "epochs": 2})
    model = prepare(job.model, "cpu")
    first, again, other = (
        model.fit(training_of(replace(job, seed=seed), corpus, tmp_path)).answer(
            query_of(corpus.test.texts)
        )
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_saved_classifier_answers_as_before(
    job: Job, corpus: CorpusSplit, tmp_path: Path
) -> None:
    job = replace(job, recipe={**job.recipe, "epochs": 2})
    query = query_of(corpus.test.texts)
    model = prepare(job.model, "cpu")
    trained = model.fit(training_of(job, corpus, tmp_path))
    folder = tmp_path / "weights"
    folder.mkdir()
    trained.save(folder)
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "labels.json"}
    found = trained.answer(query)
    trained.release()
    assert model.load(folder).answer(query) == found


def test_long_and_one_byte_texts_are_classified(
    job: Job, corpus: CorpusSplit, tmp_path: Path
) -> None:
    job = replace(job, recipe={**job.recipe, "epochs": 1})
    trained = prepare(job.model, "cpu").fit(training_of(job, corpus, tmp_path))
    answers = trained.answer(query_of(("x", "ж" * 500, "enciende la luz")))
    assert len(answers.hypotheses) == 3
    assert answers.tokens_in == 1 + 128 + 15


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


def test_an_incomplete_recipe_and_no_training_are_refused(
    job: Job, corpus: CorpusSplit, tmp_path: Path
) -> None:
    model = prepare(job.model, "cpu")
    training = training_of(job, corpus, tmp_path)
    with pytest.raises(InputError, match="lacks batch_size, learning_rate"):
        model.fit(replace(training, recipe={"name": "r", "epochs": 1}))
    with pytest.raises(InputError, match="transformer-1x32 has to be trained"):
        model.untrained({})
