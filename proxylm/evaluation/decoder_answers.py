"""How a decoder-only model answers: intents and tags by likelihood, translations by search.

It knows no training; a batch is `batching`'s business, a prompt `prompting`'s.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from proxylm.errors import InputError
from proxylm.evaluation.batching import run_batches
from proxylm.evaluation.contract import Answers, Query
from proxylm.evaluation.likelihood import Context, Prompted, likeliest, log_probabilities
from proxylm.evaluation.prompting import Prompts, check_distinct

TOKEN_BUDGET = {"cpu": 8192, "cuda": 65536}
"""Padded tokens of one batch, by type of device; halved where they are too many."""

WIDTH = 4
"""Likely beginnings of labels that are read side by side, a text of the batch."""

_EMPTY_TEXT = "N/A"
_log = logging.getLogger("proxylm.evaluation")


@dataclass(frozen=True)
class Asked:
    """A model with its weights in force, and what it is asked."""

    model: Any
    tokenizer: Any
    prompts: Prompts
    query: Query
    context: int  # tokens that the model reads and writes at most
    is_trained: bool
    line_ends: Callable[[], frozenset[int]]  # tokens that end an answer of one line

    @property
    def budget(self) -> int:
        """Padded tokens of one batch."""
        return TOKEN_BUDGET[self.model.device.type]

    def rows(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """The token ids of the prompts of these texts, at most `limit` each."""
        query = self.query
        return self.prompts.of(texts, query.source_lang, query.target_lang, query.labels, limit)


def intents(asked: Asked) -> Answers:
    """For each text the likeliest label.

    Of a trained model: the whole answer with the greatest probability, the end of the text
    included, as it was trained. A model that was not trained for these labels prefers the same few
    names whatever the text says, by sum and per token alike. For it the label counts whose
    log-probability the text raises most above that after `N/A` (domain-conditional PMI, Holtzman
    et al. 2021, with the empty text of Zhao et al. 2021).
    """
    query = asked.query
    labels = [asked.prompts.answer(name) for name in query.labels]
    check_distinct(query.labels, labels)
    if asked.is_trained:
        labels = [[*label, asked.tokenizer.eos_token_id] for label in labels]
    limit = asked.context - max(map(len, labels))
    rows = asked.rows(query.texts, limit)
    offsets = [0.0] * len(labels)
    if not asked.is_trained:
        (empty,) = asked.rows([_EMPTY_TEXT], limit)
        offsets = _unlikelihoods(asked, empty, labels)
    found, tokens_read = [0] * len(rows), [0] * len(rows)
    prompted = Prompted(asked.model, rows)

    def run(batch: list[int]) -> None:
        every = [range(len(labels))] * len(batch)
        chosen = likeliest(
            prompted.context(batch), labels, every, offsets, width=WIDTH * len(batch)
        )
        for i, number, n in zip(batch, chosen.numbers, chosen.tokens_read, strict=True):
            found[i], tokens_read[i] = number, n

    run_batches([len(row) for row in rows], asked.budget // WIDTH, run)
    return Answers(
        [query.labels[number] for number in found],
        tokens_in=sum(map(len, rows)) + sum(tokens_read),
        tokens_out=sum(len(labels[number]) for number in found),
    )


def _unlikelihoods(asked: Asked, prompt: list[int], labels: list[list[int]]) -> list[float]:
    """The negative log-probability of each label behind the prompt."""
    found = [0.0] * len(labels)
    context = Context(asked.model, [prompt])

    def run(batch: list[int]) -> None:
        values = log_probabilities(context, [labels[i] for i in batch])
        for i, value in zip(batch, values, strict=True):
            found[i] = -value

    run_batches([len(prompt) + len(label) for label in labels], asked.budget, run)
    return found


def tags(asked: Asked) -> Answers:
    """For each word the likeliest tag of those that BIO allows behind the tag before it.

    A line `word: tag` is written for each word: the word is given and the tag chosen.
    """
    names, texts = asked.query.labels, asked.query.texts
    endings = [asked.prompts.tag(name) for name in names]
    check_distinct(names, endings)
    allowed = _allowed(names)
    words = [[asked.prompts.word(word) for word in text.split(" ")] for text in texts]
    rows = asked.rows(texts, sys.maxsize)
    longest = max(map(len, endings))
    lengths = [
        len(row) + sum(len(piece) + longest for piece in pieces)
        for row, pieces in zip(rows, words, strict=True)
    ]
    for text, length in zip(texts, lengths, strict=True):
        if length > asked.context:
            raise InputError(
                f"{text[:60]!r} takes {length} tokens with its prompt and its tags, and the model "
                f"reads at most {asked.context}: take it out of the corpus"
            )
    found: list[list[int]] = [[] for _ in rows]
    tokens_read = [0] * len(rows)
    prompted = Prompted(asked.model, rows)

    def run(batch: list[int]) -> None:
        context, going = prompted.context(batch), list(batch)
        last: dict[int, int | None] = dict.fromkeys(batch)
        for i in batch:  # it may be the second try, with less memory
            found[i], tokens_read[i] = [], 0
        for position in range(max(len(words[i]) for i in batch)):
            still = [k for k, i in enumerate(going) if len(words[i]) > position]
            if len(still) < len(going):
                context, going = context.rows(still), [going[k] for k in still]
            before = [last[i] for i in going]
            context.read(
                [
                    (endings[tag] if tag is not None else []) + words[i][position]
                    for i, tag in zip(going, before, strict=True)
                ]
            )
            chosen = likeliest(
                context,
                endings,
                [allowed[tag] for tag in before],
                [0.0] * len(endings),
                width=WIDTH * len(going),
            )
            for i, number, n in zip(going, chosen.numbers, chosen.tokens_read, strict=True):
                found[i].append(number)
                last[i] = number
                tokens_read[i] += n

    run_batches(lengths, asked.budget // WIDTH, run)
    given = sum(len(piece) for pieces in words for piece in pieces)
    return Answers(
        [" ".join(names[number] for number in numbers) for numbers in found],
        tokens_in=sum(map(len, rows)) + given + sum(tokens_read),
        tokens_out=sum(len(endings[number]) for numbers in found for number in numbers),
    )


def translations(asked: Asked) -> Answers:
    """One line for each text, searched greedily or with a beam."""
    how, tokenizer, model = asked.query.inference, asked.tokenizer, asked.model
    room = min(how.max_tokens, asked.context // 2)
    if room < how.max_tokens:
        _log.warning("answers have at most %d tokens: half of the model's context", room)
    rows, line_ends = asked.rows(asked.query.texts, asked.context - room), asked.line_ends()
    found, tokens_out = [""] * len(rows), [0] * len(rows)
    pad = tokenizer.eos_token_id

    def run(batch: list[int]) -> None:
        longest = max(len(rows[i]) for i in batch)
        padding = [longest - len(rows[i]) for i in batch]
        ids = [[pad] * n + rows[i] for n, i in zip(padding, batch, strict=True)]
        mask = [[0] * n + [1] * (longest - n) for n in padding]
        # What a model's own configuration says of the search is overruled: the key has ours.
        output = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            max_new_tokens=room,
            do_sample=False,
            num_beams=how.beam,
            length_penalty=how.length_penalty,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            eos_token_id=sorted(line_ends),
            pad_token_id=pad,
        )
        for i, row in zip(batch, output[:, longest:].tolist(), strict=True):
            ends = (n for n, token in enumerate(row, start=1) if token in line_ends)
            tokens_out[i] = next(ends, len(row))
            text = tokenizer.decode(row[: tokens_out[i]], skip_special_tokens=True)
            found[i] = text.split("\n")[0].strip()

    run_batches([len(row) + room for row in rows], asked.budget // how.beam, run)
    return Answers(found, tokens_in=sum(map(len, rows)), tokens_out=sum(tokens_out))


def _allowed(tags: Sequence[str]) -> dict[int | None, list[int]]:
    """The numbers of the tags that may follow each tag; None stands for a sentence's start."""
    first = [i for i, tag in enumerate(tags) if not tag.startswith("I-")]
    if not first:
        raise InputError(
            f"the tags are {', '.join(tags)}: a sentence must be able to begin with O or a B- tag"
        )
    allowed: dict[int | None, list[int]] = {None: first}
    for i, tag in enumerate(tags):
        inside = f"I-{tag[2:]}" if tag[:2] in ("B-", "I-") else None
        allowed[i] = first + [k for k, other in enumerate(tags) if other == inside]
    return allowed
