"""The larger check: translation from scratch on thousands of sentences of LibreOffice's help."""

from pathlib import Path

import pytest
import torch

from proxylm.corpora import CorpusSplit, Labelled, split
from proxylm.evaluation.contract import Inference, ModelSpec, Query, Training
from proxylm.evaluation.metrics import measure
from proxylm.evaluation.scratch_transformer import prepare
from proxylm.identity import corpus_fingerprint
from tests.libreoffice_text import pairs

SPEC = ModelSpec(
    "transformer-2x128",
    "1",
    "transformer",
    {"layers": 2, "width": 128, "heads": 4, "feed_forward": 512},
)
RECIPE = {
    "name": "small",
    "learning_rate": 2e-3,
    "epochs": 14,
    "schedule": "linear",
    "warmup": 200,
    "batch_tokens": 1024,
    "label_smoothing": 0.1,
    "patience": 3,
}


@pytest.fixture(scope="module")
def help_text() -> CorpusSplit:
    lines = pairs("es", range(3, 9))
    fingerprint = corpus_fingerprint(list(zip(lines.texts, lines.labels, strict=True)))
    return split(lines, fingerprint, 6000, 200, 100)


def chrf_after(text: CorpusSplit, size: int, folder: Path) -> float:
    torch.set_num_threads(1)
    train = Labelled(text.train.texts[:size], text.train.labels[:size])
    training = Training(
        "mt", train, text.dev, "eng_Latn", "spa_Latn", (), RECIPE, 1, folder / "checkpoint"
    )
    trained = prepare(SPEC, "cpu").fit(training)
    how = Inference("torch", max_tokens=60)
    answers = trained.answer(Query("mt", text.test.texts, "eng_Latn", "spa_Latn", (), how))
    return chrf(answers.hypotheses, text.test)


def chrf(hypotheses: list[str], lines: Labelled) -> float:
    scores = measure("mt", hypotheses, lines.labels, target_lang="spa_Latn")
    return next(score.value for score in scores if score.metric == "chrF2")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_more_text_translates_better_than_less_and_than_the_copied_source(
    help_text: CorpusSplit, tmp_path: Path
) -> None:
    assert len(help_text.train) == 6000
    copied = chrf(list(help_text.test.texts), help_text.test)
    little = chrf_after(help_text, 600, tmp_path / "little")
    much = chrf_after(help_text, 6000, tmp_path / "much")
    print(f"chrF2 of unseen lines: copied {copied:.1f}, 600 lines {little:.1f}, 6,000 {much:.1f}")  # noqa: T201
    assert much > little + 8
    assert much > copied + 8
