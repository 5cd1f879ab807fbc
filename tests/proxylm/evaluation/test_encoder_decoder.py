"""Pre-trained translation models: fine-tuned for real, searched, kept and shared.

The models are tiny and begin with random weights, so their training learns a few dozen real
messages by heart; what is compared is the same text before and after.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.contract import Inference, ModelSpec, Query, Training
from proxylm.evaluation.encoder_decoder import EncoderDecoder, prepare
from proxylm.evaluation.metrics import measure
from tests.django_text import pairs
from tests.proxylm.evaluation import tiny_models

FULL = {
    "name": "full",
    "learning_rate": 4e-3,
    "epochs": 70,
    "batch_lines": 4,
}
LORA = {**FULL, "name": "lora", "learning_rate": 2e-2, "lora": {"rank": 16, "dropout": 0.0}}
ALL = pairs("fr")
GREEDY = Inference("torch", max_tokens=48)


def shortest(lines: Labelled, n: int) -> Labelled:
    rows = sorted(zip(lines.texts, lines.labels, strict=True), key=lambda row: len("".join(row)))
    return Labelled(tuple(text for text, _ in rows[:n]), tuple(label for _, label in rows[:n]))


LINES = shortest(ALL, 20)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., EncoderDecoder]:
    """Makes a base model of a family, loaded from a folder as from the hub."""
    folders: dict[str, Path] = {}

    def make(name: str, **config: Any) -> EncoderDecoder:
        if name not in folders:
            folder = tmp_path_factory.mktemp("models") / name
            folders[name] = getattr(tiny_models, name)(folder, [*ALL.texts, *ALL.labels])
        spec = ModelSpec(name, "1", "encoder-decoder", {"path": str(folders[name]), **config})
        return prepare(spec, "cpu")

    return make


def training(folder: Path, recipe: dict[str, Any], lines: Labelled = LINES) -> Training:
    return Training(
        "mt", lines, Labelled((), ()), "eng_Latn", "fra_Latn", (), recipe, 1, folder / "checkpoint"
    )


def query(lines: Labelled = LINES, how: Inference = GREEDY) -> Query:
    return Query("mt", lines.texts, "eng_Latn", "fra_Latn", (), how)


def chrf(hypotheses: list[str], lines: Labelled = LINES) -> float:
    scores = measure("mt", hypotheses, lines.labels, sources=lines.texts, target_lang="fra_Latn")
    (score,) = (m for m in scores if m.metric == "chrF2")
    return score.value


@pytest.mark.parametrize("name", ["m2m100", "nllb", "marian", "t5"])
def test_fine_tuning_beats_the_untrained_model_and_the_copied_source(
    base: Callable[..., EncoderDecoder], tmp_path: Path, name: str
) -> None:
    model = base(name)
    before = chrf(model.untrained({}).answer(query()).hypotheses)
    trained = model.fit(training(tmp_path, FULL))
    answers = trained.answer(query())
    after = chrf(answers.hypotheses)
    assert after > before + 40
    assert after > chrf(list(LINES.texts)) + 20
    assert answers.tokens_in is not None
    assert answers.tokens_in > len(LINES)
    # The base is as it was: what one training changes is its own.
    assert chrf(model.untrained({}).answer(query()).hypotheses) == before


def test_two_adapters_on_one_base_do_not_disturb_each_other(
    base: Callable[..., EncoderDecoder], tmp_path: Path
) -> None:
    model = base("m2m100")
    untrained = model.untrained({}).answer(query()).hypotheses
    first = model.fit(training(tmp_path / "aaa", LORA))
    said = first.answer(query()).hypotheses
    assert chrf(said) > chrf(untrained) + 3  # random weights give adapters little to work with
    shouted = Labelled(LINES.texts, tuple(text.upper() for text in LINES.labels))
    second = model.fit(training(tmp_path / "bbb", LORA, shouted))
    other = second.answer(query()).hypotheses
    assert other != said
    assert first.answer(query()).hypotheses == said
    assert model.untrained({}).answer(query()).hypotheses == untrained
    second.release()
    assert first.answer(query()).hypotheses == said
    first.release()
    assert model.untrained({}).answer(query()).hypotheses == untrained


@pytest.mark.parametrize("recipe", [FULL, LORA], ids=["full", "lora"])
def test_a_saved_model_says_the_same_when_it_is_loaded(
    base: Callable[..., EncoderDecoder], tmp_path: Path, recipe: dict[str, Any]
) -> None:
    model = base("m2m100")
    short = {**recipe, "epochs": 20}
    trained = model.fit(training(tmp_path, short))
    folder = tmp_path / "weights"
    folder.mkdir()
    trained.save(folder)
    said = trained.answer(query()).hypotheses
    trained.release()
    assert all(path.suffix in (".safetensors", ".json") for path in folder.iterdir())
    assert base("m2m100").load(folder).answer(query()).hypotheses == said


def test_equal_seeds_say_the_same_and_batches_change_nothing(
    base: Callable[..., EncoderDecoder], tmp_path: Path
) -> None:
    short = {**FULL, "epochs": 20}
    said = [
        base("m2m100").fit(training(tmp_path / name, short)).answer(query()).hypotheses
        for name in ("a", "b")
    ]
    assert said[0] == said[1]
    trained = base("m2m100").fit(training(tmp_path / "c", short))
    alone = [
        trained.answer(query(Labelled((text,), (label,)))).hypotheses[0]
        for text, label in zip(LINES.texts[:8], LINES.labels[:8], strict=True)
    ]
    assert alone == said[0][:8]


def test_a_beam_is_searched_and_is_not_worse(
    base: Callable[..., EncoderDecoder], tmp_path: Path
) -> None:
    trained = base("nllb").fit(training(tmp_path, {**FULL, "epochs": 25}))
    greedy = trained.answer(query()).hypotheses
    beam = trained.answer(query(how=replace(GREEDY, beam=5, length_penalty=1.2))).hypotheses
    assert beam != greedy
    assert chrf(beam) > chrf(greedy) - 5


@pytest.mark.parametrize("recipe", [FULL, LORA], ids=["full", "lora"])
def test_ctranslate2_says_the_same_and_leaves_the_base_as_it_was(
    base: Callable[..., EncoderDecoder], tmp_path: Path, recipe: dict[str, Any]
) -> None:
    pytest.importorskip("ctranslate2", reason="needs the extra ct2")
    model = base("m2m100")
    untrained = model.untrained({}).answer(query()).hypotheses
    trained = model.fit(training(tmp_path, {**recipe, "epochs": 25}))
    said = trained.answer(query()).hypotheses
    fast = trained.answer(query(how=replace(GREEDY, backend="ctranslate2")))
    assert fast.hypotheses == said
    assert trained.answer(query()).hypotheses == said
    trained.release()
    assert model.untrained({}).answer(query()).hypotheses == untrained


def test_eight_bits_say_nearly_the_same(
    base: Callable[..., EncoderDecoder], tmp_path: Path
) -> None:
    pytest.importorskip("ctranslate2", reason="needs the extra ct2")
    trained = base("m2m100").fit(training(tmp_path, FULL))  # one that is unsure would differ more
    said = trained.answer(query()).hypotheses
    assert len(set(said)) > len(said) / 2
    small = trained.answer(query(how=replace(GREEDY, backend="ctranslate2", precision="int8")))
    assert sum(map(str.__eq__, small.hypotheses, said)) >= 0.8 * len(said)


@pytest.mark.parametrize("backend", ["torch", "ctranslate2"])
def test_a_source_beyond_the_models_positions_is_cut_and_the_log_says_so(
    base: Callable[..., EncoderDecoder], caplog: pytest.LogCaptureFixture, backend: str
) -> None:
    pytest.importorskip("ctranslate2", reason="needs the extra ct2")
    long = Labelled((" ".join(LINES.texts) * 5, LINES.texts[0]), ("x", "y"))
    how = Inference(backend, max_tokens=4)
    answers = base("marian").untrained({}).answer(query(long, how))
    assert len(answers.hypotheses) == 2
    assert "1 sources have more than 256 tokens and were cut" in caplog.text


def test_bad_input_is_refused_in_one_line(
    base: Callable[..., EncoderDecoder], tmp_path: Path
) -> None:
    model = base("nllb")
    with pytest.raises(InputError, match="tokeniser of nllb does not know the language got_Goth"):
        model.untrained({}).answer(replace(query(), target_lang="got_Goth"))
    with pytest.raises(InputError, match="precision int8: torch computes in fp32"):
        model.untrained({}).answer(query(how=replace(GREEDY, precision="int8")))
    with pytest.raises(InputError, match="lora has alpha; it needs rank"):
        model.fit(training(tmp_path, {**LORA, "lora": {"alpha": 3}}))
    with pytest.raises(InputError, match="has colour; an encoder-decoder has path, family"):
        base("nllb", colour="red")


@pytest.mark.parametrize(
    ("config", "revision", "message"),
    [
        ({"path": "/nowhere/model"}, "1", "there is no folder /nowhere/model"),
        ({"path": "facebook/nllb-200"}, "main", "is pinned to a commit"),
        ({"path": "no-such/model"}, "0" * 40, "no-such/model"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], revision: str, message: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=message):
        prepare(ModelSpec("mine", revision, "encoder-decoder", config), "cpu")


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    folder = tiny_models.m2m100(tmp_path / "m", [*ALL.texts, *ALL.labels])
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    spec = ModelSpec("mine", "1", "encoder-decoder", {"path": str(folder)})
    with pytest.raises(InputError, match=r"mine: .* cannot be loaded: .*safetensors"):
        prepare(spec, "cpu")
