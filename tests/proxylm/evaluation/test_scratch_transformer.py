"""The Transformer from scratch: its pieces, what it learns, and what it keeps."""

from pathlib import Path

import pytest

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.contract import Inference, ModelSpec, Query, Training
from proxylm.evaluation.metrics import measure
from proxylm.evaluation.scratch_transformer import learn_pieces, prepare
from tests.django_text import pairs

SPEC = ModelSpec(
    "transformer-1x64",
    "1",
    "transformer",
    {"layers": 1, "width": 64, "heads": 2, "feed_forward": 128, "dropout": 0.0},
)
RECIPE = {
    "name": "short",
    "learning_rate": 4e-3,
    "epochs": 60,
    "batch_lines": 4,
}
LINES = pairs("de", 24)


def training(folder: Path) -> Training:
    dev = Labelled(LINES.texts[:4], LINES.labels[:4])
    return Training("mt", LINES, dev, "eng_Latn", "deu_Latn", (), RECIPE, 1, folder / "checkpoint")


QUERY = Query("mt", LINES.texts, "eng_Latn", "deu_Latn", (), Inference("torch", max_tokens=64))


def test_it_learns_and_says_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    model = prepare(SPEC, "cpu")
    train = training(tmp_path)
    trained = model.fit(train)
    assert train.log.curve[-1]["dev_loss"] < 0.5 * train.log.curve[0]["dev_loss"]
    found = trained.answer(QUERY)

    def chrf(hypotheses: list[str]) -> float:
        scores = measure("mt", hypotheses, LINES.labels, target_lang="deu_Latn")
        return next(m.value for m in scores if m.metric == "chrF2")

    assert chrf(found.hypotheses) > chrf(list(LINES.texts)) + 20
    folder = tmp_path / "weights"
    folder.mkdir()
    trained.save(folder)
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "tokenizer.json"}
    assert prepare(SPEC, "cpu").load(folder).answer(QUERY) == found


def test_pieces_are_learnt_from_both_sides_and_lose_nothing() -> None:
    text = ["Passwort ändern – jetzt", "Change the password now"] * 3
    tokenizer = learn_pieces(text)
    ids = tokenizer(text[:2])["input_ids"]
    assert tokenizer.batch_decode(ids, skip_special_tokens=True) == text[:2]
    lines = pairs("de")
    assert (
        len(learn_pieces([*lines.texts, *lines.labels])) == max(200, len(lines) // 2) + 1
    )  # padding


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="transformer-1x64 has to be trained"):
        prepare(SPEC, "cpu").untrained({})
    odd = ModelSpec("t", "1", "transformer", {"width": 65, "heads": 2})
    with pytest.raises(InputError, match="width is a multiple of heads"):
        prepare(odd, "cpu")
    with pytest.raises(InputError, match="has depth; a transformer has layers, width"):
        prepare(ModelSpec("t", "1", "transformer", {"depth": 2}), "cpu")


def test_the_papers_size_is_the_default() -> None:
    network = prepare(ModelSpec("transformer-6x512", "1", "transformer", {}), "cpu")._network(
        10_000
    )
    config = network.config
    assert (config.encoder_layers, config.decoder_layers, config.d_model) == (6, 6, 512)
    assert 45e6 < sum(p.numel() for p in network.parameters()) < 55e6
