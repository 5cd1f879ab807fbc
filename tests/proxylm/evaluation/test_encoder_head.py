"""Encoders with a head really learn intents and slots, and keep, share and repeat what they learnt.

The "pre-trained" encoder is a tiny XLM-R with random weights and a tokeniser of its own, saved as a
folder the way models of the hub are, so that the loading code is the real one.
"""

import json
import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation import encoder_head
from proxylm.evaluation.contract import Inference, ModelSpec, Query, Training
from proxylm.evaluation.encoder_head import (
    HeadedEncoder,
    PretrainedEncoder,
    ScratchEncoder,
    learn_pieces,
    prepare,
)
from proxylm.evaluation.metrics import measure
from proxylm.evaluation.texts import label_set
from proxylm.home_assistant import generate, generate_slots

pytest.importorskip("hassil")

Lines = dict[str, tuple[Labelled, Labelled]]  # by task: to learn from, and to test on

LANGUAGE = "spa_Latn"
NOTHING = Labelled((), ())
SCRATCH: dict[str, Any] = {"layers": 2, "width": 64, "heads": 2, "vocabulary": 600}
RECIPE: dict[str, Any] = {"name": "r", "learning_rate": 4e-3, "epochs": 12, "batch_lines": 16}
SHORT = {**RECIPE, "epochs": 2}
LORA = {**RECIPE, "learning_rate": 3e-3, "epochs": 12, "lora": {"rank": 8}}
CASES = ("scratch", "full", "lora", "frozen")
# So small a rate that the weights stay what they were drawn as.
UNTRAINED = {**RECIPE, "epochs": 1, "learning_rate": 1e-12}


@pytest.fixture(scope="module")
def lines() -> Lines:
    """Real utterances of either task, 200 to learn from and 80 others."""
    rows = {
        "intent": generate(LANGUAGE, 280, 1),
        "slot": generate_slots(LANGUAGE, 280, 1),
    }
    return {
        task: (
            Labelled(found.texts[:200], found.labels[:200]),
            Labelled(found.texts[200:], found.labels[200:]),
        )
        for task, found in rows.items()
    }


@pytest.fixture(scope="module")
def folder(lines: Lines, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny XLM-R."""
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=500,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        unk_token="<unk>",
        show_progress=False,
    )
    unigram.train_from_iterator(lines["intent"][0].texts, trainer)
    vocab = [tuple(piece) for piece in json.loads(unigram.to_str())["model"]["vocab"]]
    tokenizer = XLMRobertaTokenizer(vocab=vocab)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=66,
        initializer_range=0.1,
    )
    path = tmp_path_factory.mktemp("models") / "xlmr"
    tokenizer.save_pretrained(path)
    XLMRobertaModel(config).save_pretrained(path)
    return str(path)


def spec(config: dict[str, Any]) -> ModelSpec:
    return ModelSpec("an-encoder", "1", "encoder-head", config)


def training(
    task: str, train: Labelled, recipe: dict[str, Any], place: Path, dev: Labelled = NOTHING
) -> Training:
    return Training(
        task,
        train,
        dev,
        LANGUAGE,
        LANGUAGE,
        label_set(task, train),
        recipe,
        1,
        place / "checkpoint",
    )


def ask(task: str, texts: tuple[str, ...], precision: str = "fp32") -> Query:
    return Query(task, texts, LANGUAGE, LANGUAGE, (), Inference("torch", precision))


def score(trained: HeadedEncoder, task: str, test: Labelled) -> float:
    """Accuracy or F1, 0 to 100."""
    found = trained.answer(ask(task, test.texts)).hypotheses
    return measure(task, found, test.labels, sources=test.texts, target_lang=LANGUAGE)[0].value


def majority(task: str, train: Labelled, test: Labelled) -> float:
    """The score of the training lines' most frequent label, or tag, for everything."""
    best = Counter(tag for label in train.labels for tag in label.split()).most_common(1)[0][0]
    answers = [" ".join([best] * len(label.split())) for label in test.labels]
    return measure(task, answers, test.labels, sources=test.texts, target_lang=LANGUAGE)[0].value


class Case(NamedTuple):
    """A way to train, and by how many points it must beat knowing nothing."""

    config: dict[str, Any]
    recipe: dict[str, Any]
    margin: float
    files: set[str]  # of the encoder, beside those of the head


def case(name: str, folder: str) -> Case:
    return {
        "scratch": Case(SCRATCH, RECIPE, 35, {"model.safetensors", "tokenizer.json"}),
        "full": Case({"path": folder}, RECIPE, 35, {"model.safetensors"}),
        # There is little to adapt, or to read, in random weights.
        "lora": Case({"path": folder}, LORA, 15, {"adapter.safetensors", "lora.json"}),
        "frozen": Case({"path": folder, "frozen": True}, {**RECIPE, "epochs": 30}, 15, set()),
    }[name]


class Trained(NamedTuple):
    """One training, looked at by several tests."""

    case: Case
    task: str
    base: PretrainedEncoder | ScratchEncoder
    training: Training
    model: HeadedEncoder


@pytest.fixture(
    scope="module",
    params=[(name, task) for name in CASES for task in ("intent", "slot")],
    ids="-".join,
)
def trained(
    request: pytest.FixtureRequest,
    lines: Lines,
    folder: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:
    name, task = request.param
    how = case(name, folder)
    base = prepare(spec(how.config), "cpu")
    learnt = training(task, lines[task][0], how.recipe, tmp_path_factory.mktemp("run"))
    return Trained(how, task, base, learnt, base.fit(learnt))


def test_it_beats_the_untrained_model_and_the_majority_by_far(
    trained: Trained, lines: Lines, tmp_path: Path
) -> None:
    task, (train, test) = trained.task, lines[trained.task]
    untrained = trained.base.fit(training(task, train, UNTRAINED, tmp_path))
    baseline = max(score(untrained, task, test), majority(task, train, test))
    assert score(trained.model, task, test) > baseline + trained.case.margin
    log, n_epochs = trained.training.log, trained.case.recipe["epochs"]
    assert [row["epoch"] for row in log.curve] == list(range(1, n_epochs + 1))
    assert log.curve[-1]["loss"] < 0.85 * log.curve[0]["loss"]
    assert log.tokens > n_epochs * sum(len(text.split()) for text in train.texts)


def test_answers_do_not_depend_on_the_neighbours(
    trained: Trained, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, texts = trained.task, lines[trained.task][1].texts
    together = trained.model.answer(ask(task, texts))
    backwards = trained.model.answer(ask(task, texts[::-1]))
    monkeypatch.setattr(encoder_head, "TOKEN_BUDGET", {"cpu": 1})
    alone = trained.model.answer(ask(task, texts))
    assert alone == together
    assert backwards.hypotheses[::-1] == together.hypotheses
    assert len(set(together.hypotheses)) > 3


def test_what_is_saved_answers_as_before(trained: Trained, lines: Lines, tmp_path: Path) -> None:
    query = ask(trained.task, lines[trained.task][1].texts)
    weights = tmp_path / "weights"
    weights.mkdir()
    trained.model.save(weights)
    files = {"head.safetensors", "head.json", *trained.case.files}
    assert {path.name for path in weights.iterdir()} == files
    found = trained.model.answer(query)
    assert trained.base.load(weights).answer(query) == found
    assert prepare(spec(trained.case.config), "cpu").load(weights).answer(query) == found


def test_two_adapters_on_one_encoder_do_not_disturb_each_other(
    lines: Lines, folder: str, tmp_path: Path
) -> None:
    (intents, test), (slots, _) = lines["intent"], lines["slot"]
    model = prepare(spec({"path": folder}), "cpu")
    recipe = {**LORA, "epochs": 2}
    first = model.fit(training("intent", intents, recipe, tmp_path / "one"))
    found = first.answer(ask("intent", test.texts))
    second = model.fit(training("slot", slots, recipe, tmp_path / "two"))
    tags = second.answer(ask("slot", test.texts))
    assert first.answer(ask("intent", test.texts)) == found
    whole = model.fit(training("slot", slots, SHORT, tmp_path / "three"))
    whole.release()
    first.release()
    assert second.answer(ask("slot", test.texts)) == tags
    second.release()
    # Trained again alone, the second is the same: nothing of the first was in it.
    again = prepare(spec({"path": folder}), "cpu")
    assert (
        again.fit(training("slot", slots, recipe, tmp_path / "two")).answer(ask("slot", test.texts))
        == tags
    )


def test_every_word_gets_one_tag(
    lines: Lines,
    folder: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train, _ = lines["slot"]
    model = prepare(spec({"path": folder}), "cpu")
    trained = model.fit(
        training("slot", train, {**RECIPE, "epochs": 6, "max_tokens": 20}, tmp_path)
    )
    texts = (
        "enciende la lámpara",
        "enciende  la \u200b \x00 lámpara",  # an empty word and two that may have no piece
        "pon la temperatura de la cocina a 20 grados " * 10 + "fin",
    )
    with caplog.at_level(logging.WARNING):
        plain, odd, long = (row.split(" ") for row in trained.answer(ask("slot", texts)).hypotheses)
    assert [len(plain), len(odd), len(long)] == [len(text.split(" ")) for text in texts]
    assert plain == ["O", "O", "B-name"]
    assert odd[1] == "O"
    assert "B-area" in long[:9]
    assert set(long[18:]) == {"O"}  # 20 pieces are never more than 18 words here
    assert "words have no piece or were cut off: their tag is O" in caplog.text


def test_a_word_has_the_same_pieces_alone_and_in_a_sentence(
    lines: Lines,
) -> None:
    texts = list(lines["intent"][0].texts)
    tokenizer = learn_pieces(texts, 300)
    split = tokenizer([text.split(" ") for text in texts], is_split_into_words=True)["input_ids"]
    assert split == tokenizer(texts)["input_ids"]
    assert len(tokenizer) == 300


def test_dev_lines_end_the_training_and_may_have_other_labels(lines: Lines, tmp_path: Path) -> None:
    for task, (train, test) in lines.items():
        few = Labelled(train.texts[:60], train.labels[:60])
        strange = "X-other" if task == "intent" else " ".join(["B-x"] * len(test.texts[0].split()))
        dev = Labelled(test.texts[:40], (strange, *test.labels[1:40]))
        recipe = {**RECIPE, "epochs": 60, "patience": 2}
        learnt = training(task, few, recipe, tmp_path / task, dev)
        prepare(spec(SCRATCH), "cpu").fit(learnt)
        losses = [row["dev_loss"] for row in learnt.log.curve]
        assert len(losses) < 60
        assert losses.index(min(losses)) == len(losses) - 3


def test_half_precision_says_nearly_the_same(lines: Lines, folder: str, tmp_path: Path) -> None:
    train, test = lines["slot"]
    model = prepare(spec({"path": folder}), "cpu")
    recipe = {**RECIPE, "epochs": 4, "precision": "bf16", "gradient_checkpointing": True}
    trained = model.fit(training("slot", train, recipe, tmp_path))
    full, half = (
        " ".join(trained.answer(ask("slot", test.texts, p)).hypotheses).split()
        for p in ("fp32", "bf16")
    )
    assert sum(a == b for a, b in zip(full, half, strict=True)) > 0.95 * len(full)
    with pytest.raises(InputError, match="precision int8: torch computes in fp32, bf16"):
        trained.answer(ask("slot", test.texts, "int8"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": NOTHING}, "no training lines"),
        ({"labels": ("HassTurnOn",)}, "one label only"),
        ({"recipe": {"name": "r", "epochs": 3}}, "recipe r lacks learning_rate"),
        ({"recipe": LORA}, "recipe r has lora; there is no base"),
        ({"task": "slot", "labels": ("B-x", "O")}, r"'.* .*' has \d+ words and 1 tags"),
    ],
)
def test_training_that_cannot_work_is_refused(
    lines: Lines,
    tmp_path: Path,
    changed: dict[str, Any],
    message: str,
) -> None:
    good = training("intent", lines["intent"][0], SHORT, tmp_path)
    with pytest.raises(InputError, match=message):
        prepare(spec(SCRATCH), "cpu").fit(replace(good, **changed))


def test_models_that_cannot_work_are_refused(lines: Lines, folder: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has layers, width; an encoder-head may have frozen and"):
        prepare(spec({"layers": 2, "width": 64}), "cpu")
    with pytest.raises(InputError, match="width is a multiple of heads"):
        prepare(spec({**SCRATCH, "heads": 3}), "cpu")
    with pytest.raises(InputError, match="there is no folder /nowhere"):
        prepare(spec({"path": "/nowhere"}), "cpu")
    GPT2Config().save_pretrained(tmp_path / "gpt2")
    with pytest.raises(InputError, match="is a gpt2 model, which is not an encoder"):
        prepare(spec({"path": str(tmp_path / "gpt2")}), "cpu")
    for config in (SCRATCH, {"path": folder}):
        with pytest.raises(InputError, match="an-encoder has to be trained"):
            prepare(spec(config), "cpu").untrained({})
    frozen = prepare(spec({"path": folder, "frozen": True}), "cpu")
    with pytest.raises(InputError, match="is frozen, but recipe r has lora"):
        frozen.fit(training("intent", lines["intent"][0], LORA, tmp_path))
