"""The frozen encoder with its logistic head, and who pays for the encoding."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from proxylm.corpora import CorpusSplit, Labelled, read_corpus
from proxylm.errors import InputError
from proxylm.evaluation.contract import Job, ModelSpec
from proxylm.evaluation.frozen_encoder import prepare
from tests.proxylm.evaluation.conftest import query_of, training_of

TEXTS = ("turn the lamp on", "turn the lamp off", "enciende la luz", "wie spät ist es")


def test_it_beats_the_majority_class_and_is_the_same_again(
    encoder_job: Job, tmp_path: Path
) -> None:
    assert encoder_job.train is not None
    split = read_corpus(Path(encoder_job.train.path)).split
    model = prepare(encoder_job.model, "cpu")
    query, training = query_of(split.test.texts), training_of(encoder_job, split, tmp_path)
    trained = model.fit(training)
    answers = trained.answer(query)
    assert (answers.tokens_in, answers.tokens_out) == (None, None)
    assert training.log.curve[-1]["loss"] < 0.1 * training.log.curve[0]["loss"]
    found = answers.hypotheses
    correct = sum(a == b for a, b in zip(found, split.test.labels, strict=True))
    majority = Counter(split.test.labels).most_common(1)[0][1]
    assert correct > majority + 0.4 * len(found)

    folder = tmp_path / "weights"
    folder.mkdir()
    trained.save(folder)
    assert prepare(encoder_job.model, "cpu").load(folder).answer(query) == answers


def test_a_vector_does_not_depend_on_its_neighbours(encoder_job: Job) -> None:
    together = prepare(encoder_job.model, "cpu").encode(TEXTS)
    alone = prepare(encoder_job.model, "cpu")
    for text, vector in zip(TEXTS, together, strict=True):
        assert torch.allclose(alone.encode([text])[0], vector, atol=1e-5)


def test_uses_share_the_encoding_time_and_together_pay_what_was_spent(encoder_job: Job) -> None:
    model = prepare(encoder_job.model, "cpu")
    for _ in range(4):
        model.expect(TEXTS)
    charged, spent = [], 0.0
    for _ in range(4):
        begun = time.perf_counter()
        model.encode(TEXTS)
        seconds = time.perf_counter() - begun
        spent += seconds
        charged.append(seconds + model.settle())
    assert sum(charged) == pytest.approx(spent)
    assert max(charged) < 0.6 * spent  # without sharing the first use would pay for all


def test_the_head_agrees_with_scikit_learn(encoder_job: Job, tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    assert encoder_job.train is not None
    split = read_corpus(Path(encoder_job.train.path)).split
    model = prepare(encoder_job.model, "cpu")
    reference = linear_model.LogisticRegression(C=100, max_iter=1000)
    reference.fit(model.encode(split.train.texts).numpy(), split.train.labels)
    theirs = reference.predict(model.encode(split.test.texts).numpy())
    trained = model.fit(training_of(encoder_job, split, tmp_path))
    ours = trained.answer(query_of(split.test.texts)).hypotheses
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) >= len(ours) - 1


def only(train: Labelled) -> CorpusSplit:
    return CorpusSplit(train, Labelled((), ()), Labelled((), ()), "f" * 64)


def test_two_labels_are_told_apart(encoder_job: Job, tmp_path: Path) -> None:
    train = Labelled(("lamp on", "light on", "lamp off", "light off"), ("on", "on", "off", "off"))
    training = training_of(encoder_job, only(train), tmp_path)
    trained = prepare(encoder_job.model, "cpu").fit(training)
    assert trained.answer(query_of(train.texts)).hypotheses == list(train.labels)


def test_what_cannot_work_is_refused(encoder_job: Job, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no frozen encoder bert; there is multilingual-e5-small"):
        prepare(ModelSpec("bert", "1", "frozen-encoder", {}), "cpu")
    training = training_of(encoder_job, only(Labelled(("a", "b"), ("x", "x"))), tmp_path)
    model = prepare(encoder_job.model, "cpu")
    with pytest.raises(InputError, match="one label only"):
        model.fit(training)
    with pytest.raises(InputError, match="lacks inverse_regularisation"):
        model.fit(replace(training, recipe={"name": "r"}))
    with pytest.raises(InputError, match="multilingual-e5-small has to be trained"):
        model.untrained({})
