"""Decoder-only models: trained for real on small text, asked in batches, saved and loaded."""

import logging
import shutil
from collections import Counter
from pathlib import Path

import pytest
import sacrebleu
import torch

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.decoder_only import DecoderOnly, prepare
from proxylm.evaluation.metrics import accuracy, span_f1
from proxylm.evaluation.prompting import PROMPTS
from tests.django_text import pairs
from tests.proxylm.evaluation.tiny_decoder import (
    INTENTS,
    bloom,
    llama,
    query,
    spec,
    tagged,
    training,
    utterances,
)

TAGS = ("B-area", "B-device", "B-time", "I-area", "I-device", "I-time", "O")
LORA = {"rank": 16, "dropout": 0.1}


@pytest.fixture(scope="module")
def english() -> tuple[Labelled, Labelled]:
    return utterances("eng_Latn", 180, 60)


@pytest.fixture(scope="module")
def spanish() -> tuple[Labelled, Labelled]:
    return utterances("spa_Latn", 180, 60)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    english: tuple[Labelled, Labelled],
    spanish: tuple[Labelled, Labelled],
) -> Path:
    """A model with random weights, whose tokeniser knows both languages."""
    texts = [*english[0].texts, *spanish[0].texts, *INTENTS, *tagged(50, 0)[0].texts, *TAGS]
    return llama(tmp_path_factory.mktemp("base") / "random", texts)


@pytest.fixture(scope="module")
def english_folder(
    folder: Path, english: tuple[Labelled, Labelled], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The same after full fine-tuning on English intents: a base that LoRA can start from."""
    model = prepare(spec(folder), "cpu")
    run = tmp_path_factory.mktemp("english")
    trained = model.fit(training("intent", english[0], run, epochs=12))
    shutil.copytree(folder, run / "model")
    trained.save(run / "model")
    return run / "model"


def test_intents_beat_the_untrained_model_and_the_majority(
    folder: Path, english_folder: Path, english: tuple[Labelled, Labelled]
) -> None:
    test = english[1]
    asked = query("intent", test.texts, INTENTS)
    untrained = prepare(spec(folder), "cpu").untrained({}).answer(asked).hypotheses
    trained = prepare(spec(folder), "cpu").load(english_folder).answer(asked).hypotheses
    majority = [Counter(test.labels).most_common(1)[0][0]] * len(test)
    best_baseline = max(accuracy(h, test.labels).value for h in (untrained, majority))
    assert accuracy(trained, test.labels).value > best_baseline + 40


def test_slots_beat_the_untrained_model_and_all_outside(folder: Path, tmp_path: Path) -> None:
    train, test = tagged(100, 20)
    asked = query("slot", test.texts, TAGS)
    model = prepare(spec(folder), "cpu")
    untrained = model.untrained({}).answer(asked)
    trained = model.fit(training("slot", train, tmp_path, epochs=6, batch_lines=8)).answer(asked)
    for answers in (untrained, trained):
        for text, tags in zip(test.texts, answers.hypotheses, strict=True):
            assert len(tags.split(" ")) == len(text.split(" "))
            before = "O"
            for tag in tags.split(" "):
                if tag.startswith("I-"):
                    assert before[1:] == tag[1:], f"{tag} after {before}"
                before = tag
    outside = [" ".join("O" for _ in text.split(" ")) for text in test.texts]
    assert span_f1(outside, test.labels).value == 0
    before = span_f1(untrained.hypotheses, test.labels, test.texts).value
    assert span_f1(trained.hypotheses, test.labels, test.texts).value > before + 50


def test_translations_are_learnt_by_heart(tmp_path: Path) -> None:
    """24 English messages of Django with their Galician translations: memory, not generalising."""
    lines = pairs("gl", 24)
    model = prepare(spec(llama(tmp_path / "model", [*lines.texts, *lines.labels])), "cpu")

    def chrf(hypotheses: list[str]) -> float:
        return sacrebleu.corpus_chrf(hypotheses, [list(lines.labels)]).score

    asked = query("mt", lines.texts)
    trained = model.fit(training("mt", lines, tmp_path, epochs=30, batch_lines=8))
    greedy = trained.answer(asked)
    best_baseline = max(chrf(list(lines.texts)), chrf(model.untrained({}).answer(asked).hypotheses))
    assert chrf(greedy.hypotheses) > best_baseline + 40
    assert chrf(trained.answer(query("mt", lines.texts, beam=3)).hypotheses) > best_baseline + 40
    references = [len(model.tokenizer(f" {label}")["input_ids"]) + 1 for label in lines.labels]
    assert greedy.tokens_out == pytest.approx(sum(references), rel=0.1)


def test_adapters_on_one_base_do_not_disturb_each_other(
    english_folder: Path,
    english: tuple[Labelled, Labelled],
    spanish: tuple[Labelled, Labelled],
    tmp_path: Path,
) -> None:
    asked = query("intent", spanish[1].texts, INTENTS)
    model = prepare(spec(english_folder), "cpu")
    base = model.untrained({})
    before = base.answer(asked)
    recipe = {"lora": LORA, "learning_rate": 0.004, "epochs": 8, "batch_lines": 8}
    ours = model.fit(training("intent", spanish[0], tmp_path / "ours", **recipe))
    alone = ours.answer(asked)
    assert accuracy(alone.hypotheses, spanish[1].labels).value > 25 + max(
        accuracy(before.hypotheses, spanish[1].labels).value,
        100 * Counter(spanish[1].labels).most_common(1)[0][1] / len(asked.texts),
    )

    other = model.fit(training("intent", english[0], tmp_path / "other", **{**recipe, "epochs": 1}))
    assert other.answer(asked).hypotheses != alone.hypotheses
    assert ours.answer(asked) == alone
    assert base.answer(asked) == before
    # A copy of all weights, made while adapters are on the base, is one of the bare base.
    whole = model.fit(training("intent", spanish[0], tmp_path / "whole", epochs=1))
    bare = prepare(spec(english_folder), "cpu")
    expected = bare.fit(training("intent", spanish[0], tmp_path / "bare", epochs=1))
    assert whole.answer(asked) == expected.answer(asked)

    for name, trained in {"lora": ours, "whole": whole}.items():
        weights = tmp_path / name / "weights"
        weights.mkdir(parents=True)
        trained.save(weights)
        again = prepare(spec(english_folder), "cpu").load(weights)
        assert again.answer(asked) == trained.answer(asked), name
    other.release()
    assert ours.answer(asked) == alone
    ours.release()
    assert base.answer(asked) == before


def test_equal_arguments_give_equal_hypotheses(
    english_folder: Path, spanish: tuple[Labelled, Labelled], tmp_path: Path
) -> None:
    asked = query("intent", spanish[1].texts, INTENTS)
    lines = Labelled(spanish[0].texts[:60], spanish[0].labels[:60])

    def answers(seed: int) -> list[str]:
        torch.manual_seed(torch.seed())  # whatever was drawn before
        model = prepare(spec(english_folder), "cpu")
        options = {"lora": LORA, "learning_rate": 0.01, "epochs": 2}
        trained = model.fit(training("intent", lines, tmp_path, seed=seed, **options))
        return trained.answer(asked).hypotheses

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)


@pytest.mark.parametrize("family", ["llama", "llama with a chat template", "bloom"])
def test_no_answer_depends_on_what_shares_its_batch(family: str, tmp_path: Path) -> None:
    train, test = tagged(20, 5)
    texts = [*test.texts, "lamp", "in the office tomorrow, please, or else on some other day"]
    folder = tmp_path / "m"
    if family == "bloom":
        bloom(folder, train.texts)
    else:
        llama(folder, train.texts, chat="chat" in family, spread=0.2)
    model = prepare(spec(folder), "cpu")
    # A trained model is asked for whole answers; at this learning rate it is as good as random.
    lines = Labelled(train.texts, tuple(text.split()[0] for text in train.texts))
    recipe = training("intent", lines, tmp_path, epochs=1, learning_rate=1e-9)
    cases = {
        "intent": (model.untrained({}), INTENTS),
        "intent, trained": (model.fit(recipe), ("fan", "hall", "lamp", "office", "radio")),
        "slot": (model.untrained({}), TAGS),
        "mt": (model.untrained({}), ()),
    }
    varied = []
    for case, (answering, labels) in cases.items():
        task = case.split(",")[0]
        together = answering.answer(query(task, texts, labels, max_tokens=12)).hypotheses
        alone = [
            answering.answer(query(task, [text], labels, max_tokens=12)).hypotheses[0]
            for text in texts
        ]
        assert together == alone, case
        varied += [case] if len(set(together)) > 2 else []
    assert len(varied) >= 2, varied  # else the comparison would say little


def test_memory_that_runs_out_changes_no_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = tagged(9, 0)[0].texts
    model = prepare(spec(folder), "cpu")
    expected = [model.untrained({}).answer(query(t, texts, TAGS)) for t in ("intent", "slot")]
    forward = model._base._model.forward
    sizes = []

    def small(*args: object, input_ids: torch.Tensor, **kwargs: object) -> object:
        sizes.append(len(input_ids))
        if len(input_ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(model._base._model, "forward", small)
    found = [model.untrained({}).answer(query(t, texts, TAGS)) for t in ("intent", "slot")]
    assert max(sizes) > 4
    assert [a.hypotheses for a in found] == [a.hypotheses for a in expected]


def test_the_prompt_is_read_once_and_not_for_every_label(folder: Path) -> None:
    """The naive way reads every prompt once a label: it is counted in tokens given to the model."""
    test = tagged(30, 0)[0]
    prompt = "Choose one of {labels}.\nUtterance: {text}\nIntent:"
    model = prepare(spec(folder), "cpu")
    read = 0

    def count(module: object, args: object, options: dict[str, torch.Tensor]) -> None:
        nonlocal read
        read += int(options["attention_mask"][:, -options["input_ids"].shape[1] :].sum())

    model._base._model.register_forward_pre_hook(count, with_kwargs=True)
    answers = model.untrained({"prompt": prompt}).answer(query("intent", test.texts, TAGS))
    filled = [prompt.format(text=text, labels=", ".join(TAGS)) for text in test.texts]
    prompts = sum(len(ids) for ids in model.tokenizer(filled)["input_ids"])
    labels = sum(len(model.tokenizer(f" {tag}")["input_ids"]) for tag in TAGS)
    assert read < (len(TAGS) * prompts + len(test) * labels) / 5
    assert answers.tokens_in is not None
    assert prompts < answers.tokens_in < prompts + len(test) * labels


def test_early_stopping_watches_the_dev_lines(
    folder: Path, english: tuple[Labelled, Labelled], tmp_path: Path
) -> None:
    train, dev = english
    few = Labelled(train.texts[:24], train.labels[:24])
    wanted = training("intent", few, tmp_path, dev=dev, epochs=40, patience=2)
    prepare(spec(folder), "cpu").fit(wanted)
    losses = [row["dev_loss"] for row in wanted.log.curve]
    assert 3 <= len(losses) < 40
    assert min(losses) == losses[-3]
    assert wanted.log.tokens > 0


def test_bf16_agrees_with_fp32(english_folder: Path, english: tuple[Labelled, Labelled]) -> None:
    trained = prepare(spec(english_folder), "cpu").load(english_folder)
    found = [
        trained.answer(query("intent", english[1].texts, INTENTS, precision=precision)).hypotheses
        for precision in ("fp32", "bf16")
    ]
    assert accuracy(*found).value > 90
    kept = prepare(spec(english_folder, precision="bf16"), "cpu").load(english_folder)
    with pytest.raises(InputError, match="precision fp32 would not be true"):
        kept.answer(query("intent", ["a"], INTENTS))


def test_texts_longer_than_the_context(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = " ".join(["turn on the lamp in the kitchen"] * 40)
    folder = llama(tmp_path / "m", [text, *PROMPTS.values()], context=192)
    model = prepare(spec(folder), "cpu")
    zero_shot = model.untrained({})
    with caplog.at_level(logging.WARNING):
        assert zero_shot.answer(query("intent", [text, "lamp"], INTENTS)).hypotheses[0] in INTENTS
        assert len(zero_shot.answer(query("mt", [text, "lamp"], max_tokens=100)).hypotheses) == 2
    assert caplog.text.count("1 of 2 texts were too long; their ends were cut") == 2
    assert "answers have at most 96 tokens" in caplog.text
    with pytest.raises(InputError, match=r"'turn on the lamp .* reads at most 192"):
        zero_shot.answer(query("slot", [text], TAGS))
    tags = " ".join("O" for _ in text.split(" "))
    long = model.fit(training("slot", Labelled((text,), (tags,)), tmp_path))
    assert long.answer(query("slot", ["lamp"], ["O"])).hypotheses == ["O"]


def test_what_cannot_work_is_refused(folder: Path, tmp_path: Path) -> None:
    model = prepare(spec(folder), "cpu")
    zero_shot = model.untrained({})
    for task in ("intent", "slot"):
        with pytest.raises(InputError, match="no labels to choose from"):
            zero_shot.answer(query(task, ["a"]))
    with pytest.raises(InputError, match="able to begin with O or a B- tag"):
        zero_shot.answer(query("slot", ["a"], ["I-area"]))
    with pytest.raises(InputError, match="precision int8"):
        zero_shot.answer(query("intent", ["a"], INTENTS, precision="int8"))
    uneven = Labelled(("turn on",), ("O O O",))
    with pytest.raises(InputError, match="'turn on' has 2 words and 3 tags"):
        model.fit(training("slot", uneven, tmp_path))
    with pytest.raises(InputError, match=r"tiny has layers; a decoder-only model has path"):
        prepare(spec(folder, layers="2"), "cpu")
    without_end = shutil.copytree(folder, tmp_path / "without-end")
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = without_end / name
        if path.exists():
            path.write_text(path.read_text().replace('"eos_token": "<|end|>"', '"eos_token": null'))
    with pytest.raises(InputError, match="no end-of-text token"):
        prepare(spec(without_end), "cpu")


def test_broken_weights_are_said_to_be_broken(folder: Path) -> None:
    model: DecoderOnly = prepare(spec(folder), "cpu")
    with torch.no_grad():
        model._base._model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(Exception, match="the model's output is not a number"):
        model.untrained({}).answer(query("intent", ["a"], INTENTS))
