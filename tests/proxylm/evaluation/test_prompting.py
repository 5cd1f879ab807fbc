"""Prompts as the model reads them."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from proxylm.errors import InputError, UsageError
from proxylm.evaluation.prompting import Prompts, check_distinct
from tests.proxylm.evaluation.tiny_decoder import llama

TEXTS = ["turn on the lamp", "play"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama(tmp_path_factory.mktemp("plain"), TEXTS)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llama(tmp_path_factory.mktemp("chat"), TEXTS, chat=True)


def read(folder: Path, task: str, template: str | None, labels: list[str], answer: str) -> str:
    """The first text's prompt and an answer, as one text."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompts = Prompts(tokenizer, task, template)
    row = prompts.of(TEXTS, "eng_Latn", "swh_Latn", labels, 200)[0]
    return str(tokenizer.decode(row + prompts.answer(answer)))


def test_languages_are_called_by_their_english_names(plain: Path) -> None:
    assert read(plain, "mt", None, [], "washa taa") == (
        "Translate this from English to Swahili:\nEnglish: turn on the lamp\nSwahili: washa taa"
    )
    with pytest.raises(UsageError):
        Prompts(AutoTokenizer.from_pretrained(plain), "mt", None).of(["a"], "eng", "qqq", [], 99)


def test_a_chat_template_makes_the_prompt_the_users_turn(chat: Path) -> None:
    found = read(chat, "intent", "Which of {labels}? {text} ", ["On", "Off"], "On")
    assert found == "<|user|>Which of On, Off? turn on the lamp<|end|><|bot|>\nOn"


def test_braces_in_a_text_are_no_fields(plain: Path) -> None:
    prompts = Prompts(AutoTokenizer.from_pretrained(plain), "intent", "{text} =")
    (row,) = prompts.of(["a {labels} {0} b"], "eng_Latn", "eng_Latn", ["x"], 99)
    assert prompts._tokenizer.decode(row) == "a {labels} {0} b ="


def test_what_is_too_long_loses_its_end(plain: Path) -> None:
    prompts = Prompts(AutoTokenizer.from_pretrained(plain), "intent", "Text: {text}\nIntent:")
    long = "über den Dächern " * 30
    short, kept = prompts.of(["play", long], "deu_Latn", "deu_Latn", [], limit=60)
    assert len(short) < len(kept) <= 60
    text = prompts._tokenizer.decode(kept).removeprefix("Text: ").removesuffix("\nIntent:")
    assert len(text) > 15
    assert long.startswith(text)
    with pytest.raises(
        InputError, match=r"the prompt has \d+ tokens and the model reads at most 5"
    ):
        prompts.of(["play"], "deu_Latn", "deu_Latn", [], limit=5)


@pytest.mark.parametrize("template", ["Intent:", "{text} {target}", "{text} {", "{} {text}"])
def test_a_template_that_cannot_be_filled_is_refused(plain: Path, template: str) -> None:
    with pytest.raises(InputError, match="prompt"):
        Prompts(AutoTokenizer.from_pretrained(plain), "intent", template)


def test_labels_that_look_the_same_are_refused() -> None:
    check_distinct(["a", "b"], [[1], [1, 2]])
    with pytest.raises(InputError, match="does not tell a and b apart"):
        check_distinct(["a", "b"], [[1, 2], [1, 2]])
    with pytest.raises(InputError, match="no tokens for label 'b'"):
        check_distinct(["a", "b"], [[1, 2], []])
