"""How a line is put to a language model: prompts, and the tokens of what follows them.

A prompt is a template with {text}, and where the task has them {source}, {target} (languages by
their English names) and {labels}. Where the tokeniser has a chat template the prompt is the user's
turn, else it is plain text. It knows no models and computes nothing with torch.
"""

import logging
import string
from collections.abc import Mapping, Sequence
from typing import Any

from proxylm.errors import InputError

PROMPTS: Mapping[str, str] = {
    "mt": "Translate this from {source} to {target}:\n{source}: {text}\n{target}:",
    "intent": "Utterance: {text}\nIntent:",
    "slot": "Give each word of the sentence its tag.\nSentence: {text}\nTags:\n",
}
"""Templates of recipes without a `prompt`. For slot the answer is a line `word: tag` a word."""

_FIELDS = {"mt": {"text", "source", "target"}, "intent": {"text", "source", "labels"}}
_FIELDS["slot"] = _FIELDS["intent"]
_log = logging.getLogger("proxylm.evaluation")


class Prompts:
    """The prompts of one task for one tokeniser."""

    def __init__(self, tokenizer: Any, task: str, template: str | None) -> None:
        self._tokenizer = tokenizer
        # With a trailing space the model would read a token that never stands before a word.
        self._template = (PROMPTS[task] if template is None else template).rstrip(" ")
        self._task = task
        self._is_chat = bool(getattr(tokenizer, "chat_template", None))
        self._check()

    def _check(self) -> None:
        try:
            parts = list(string.Formatter().parse(self._template))
        except ValueError as error:
            raise InputError(f"prompt {self._template!r}: {error}") from None
        found = {name for _, name, _, _ in parts if name is not None}
        known = _FIELDS[self._task]
        if "text" not in found or found - known:
            raise InputError(
                f"prompt {self._template!r}: a prompt for {self._task} has {{text}}, and of fields "
                f"no others than {', '.join(sorted(known))}"
            )

    def of(
        self,
        texts: Sequence[str],
        source_lang: str,
        target_lang: str,
        labels: Sequence[str],
        limit: int,
        text_limit: int | None = None,
    ) -> list[list[int]]:
        """Token ids of the prompt of each text, at most `limit` of them.

        A longer prompt, and a text of more than `text_limit` tokens, lose the end of the text;
        the log says how many. Raises InputError where the prompt is too long without any text.
        """
        values = {"labels": ", ".join(labels)}
        for field, code in (("source", source_lang), ("target", target_lang)):
            if f"{{{field}}}" in self._template:
                values[field] = _language_name(code)
        kept = list(texts)
        if text_limit is not None:
            kept = [self._start(text, text_limit) for text in kept]
        rows = self._tokens([self._filled(text, values) for text in kept])
        for i, row in enumerate(rows):
            while len(row) > limit:
                size = len(self._ids(kept[i])) - (len(row) - limit)
                if size < 1:
                    raise InputError(
                        f"the prompt has {len(row)} tokens and the model reads at most {limit} "
                        "before its answer: take a shorter prompt, or a model with a longer context"
                    )
                kept[i] = self._start(kept[i], size)
                (row,) = self._tokens([self._filled(kept[i], values)])
            rows[i] = row
        cut = sum(a != b for a, b in zip(texts, kept, strict=True))
        if cut:
            _log.warning("%d of %d texts were too long; their ends were cut", cut, len(texts))
        return rows

    def answer(self, text: str) -> list[int]:
        """Token ids of an answer, without the end of the text.

        They depend on the answer alone, so that a label has the same ones after every text.
        """
        own_line = self._is_chat or self._template.endswith("\n")
        return self._piece(text if own_line else f" {text}")

    def word(self, word: str) -> list[int]:
        """Token ids of the beginning of a line of slot filling."""
        return self._piece(f"{word}:")

    def tag(self, tag: str) -> list[int]:
        """Token ids of its end: without the line break B-date would be one with B-date_time."""
        return self._piece(f" {tag}\n")

    def _piece(self, text: str) -> list[int]:
        """Token ids of text in the middle of a text."""
        # Some tokenisers put a space before a text that begins; behind another one they do not.
        before = {" ": ":", "\n": "a"}.get(text[:1], "\n")
        start, whole = self._ids(before), self._ids(before + text)
        return whole[len(start) :] if whole[: len(start)] == start else self._ids(text)

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        prompt = self._template.format(text=text, **values)
        if not self._is_chat:
            return prompt
        turns = [{"role": "user", "content": prompt}]
        # Models that can think aloud before they answer are told not to; others do not know it.
        return str(
            self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        )

    def _tokens(self, prompts: list[str]) -> list[list[int]]:
        # A chat template writes the special tokens itself.
        found = self._tokenizer(prompts, add_special_tokens=not self._is_chat)["input_ids"]
        rows = [list(row) for row in found]
        end = self._tokenizer.eos_token_id
        return [row[:-1] if len(row) > 1 and row[-1] == end else row for row in rows]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _start(self, text: str, size: int) -> str:
        ids = self._ids(text)
        if len(ids) <= size:
            return text
        # A character may be several tokens: half of one is left out.
        return str(self._tokenizer.decode(ids[:size])).rstrip("\ufffd ")


def check_distinct(labels: Sequence[str], tokens: Sequence[list[int]]) -> None:
    """InputError for no labels, one without tokens, and two with the same tokens."""
    if not labels:
        raise InputError("there are no labels to choose from")
    seen: dict[tuple[int, ...], str] = {}
    for label, ids in zip(labels, tokens, strict=True):
        if not ids:
            raise InputError(f"the model's tokeniser has no tokens for label {label!r}")
        other = seen.setdefault(tuple(ids), label)
        if other != label:
            raise InputError(f"the model's tokeniser does not tell {other} and {label} apart")


def _language_name(code: str) -> str:
    from proxylm.languages import resolve  # its tables are read only where they are needed

    return resolve(code).name
