"""Greedy and beam search over any encoder-decoder model of transformers.

Rows of similar length go together, the encoder runs once, and rows that have ended leave the batch:
nothing is computed for padding that nobody reads. It knows no languages and no tokenisers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from proxylm.evaluation.batching import run_batches

_LEAVE = 0.25  # share of ended rows at which a batch is made smaller; copying the cache has a price


def generate(
    model: Any,
    rows: Sequence[Sequence[int]],
    *,
    pad_id: int,
    eos_id: int,
    start_ids: Sequence[int],
    beam: int,
    length_penalty: float,
    max_tokens: int,
    budget: int,
    device: str,
) -> list[list[int]]:
    """The found output of each row of source ids, without start and end tokens.

    `start_ids` is what every output begins with: the decoder's start token, then a forced language
    token if the family has one. `budget` is in padded source tokens a batch; with a beam it is
    shared by the hypotheses. Of `model.generation_config` only banned tokens are respected
    (`bad_words_ids` of one token, `suppress_tokens`), since everything else is given here.
    Raises ProxyLMError where one row alone does not fit into memory.
    """
    found: list[list[int]] = [[] for _ in rows]
    banned = _banned(model.generation_config, device)

    def run(indices: list[int]) -> None:
        source = _padded([rows[i] for i in indices], pad_id, device)
        with torch.inference_mode():
            if beam == 1:
                outputs = _greedy(
                    model, source, pad_id, eos_id, list(start_ids), max_tokens, banned
                )
            else:
                outputs = _beam(
                    model, source, pad_id, eos_id, list(start_ids), max_tokens, beam, length_penalty
                )
        for index, output in zip(indices, outputs, strict=True):
            found[index] = output

    run_batches([len(row) for row in rows], max(1, budget // beam), run)
    return found


def _greedy(
    model: Any,
    source: Tensor,
    pad_id: int,
    eos_id: int,
    start_ids: list[int],
    max_tokens: int,
    banned: Tensor | None,
) -> list[list[int]]:
    n_rows, device = len(source), source.device
    mask = (source != pad_id).long()
    states = model.get_encoder()(input_ids=source, attention_mask=mask).last_hidden_state
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    written = torch.full((n_rows, max_tokens), pad_id, device=device)
    running = torch.arange(n_rows, device=device)  # the row that each line of the batch is for
    ended = torch.zeros(n_rows, dtype=torch.bool, device=device)
    step_ids = torch.tensor([start_ids] * n_rows, device=device)
    for position in range(max_tokens):
        output = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            decoder_input_ids=step_ids,
            past_key_values=cache,
            use_cache=True,
        )
        logits = output.logits[:, -1]
        if banned is not None:
            logits = logits.index_fill(1, banned, -torch.inf)
        best = logits.argmax(dim=-1).masked_fill(ended, pad_id)
        written[running, position] = best
        ended = ended | (best == eos_id)
        n_ended = int(ended.sum())
        if n_ended == len(ended):
            break
        if n_ended >= _LEAVE * len(ended):
            keep = (~ended).nonzero()[:, 0]
            cache.batch_select_indices(keep)
            states, mask, best = states[keep], mask[keep], best[keep]
            running, ended = running[keep], ended[keep]
        step_ids = best.unsqueeze(1)
    return [_until(row, eos_id, pad_id) for row in written.tolist()]


def _beam(
    model: Any,
    source: Tensor,
    pad_id: int,
    eos_id: int,
    start_ids: list[int],
    max_tokens: int,
    beam: int,
    length_penalty: float,
) -> list[list[int]]:
    outputs = model.generate(
        input_ids=source,
        attention_mask=(source != pad_id).long(),
        decoder_input_ids=torch.tensor([start_ids] * len(source), device=source.device),
        num_beams=beam,
        length_penalty=length_penalty,
        max_new_tokens=max_tokens,
        do_sample=False,
        early_stopping=False,
        pad_token_id=pad_id,
        eos_token_id=eos_id,
        forced_bos_token_id=None,
        forced_eos_token_id=None,
    )
    return [_until(row[len(start_ids) :], eos_id, pad_id) for row in outputs.tolist()]


def _padded(rows: Sequence[Sequence[int]], pad_id: int, device: str) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows], device=device)


def _until(row: list[int], eos_id: int, pad_id: int) -> list[int]:
    """The ids before the end token."""
    end = row.index(eos_id) if eos_id in row else len(row)
    return [token for token in row[:end] if token != pad_id]


def _banned(config: Any, device: str) -> Tensor | None:
    tokens = [words[0] for words in config.bad_words_ids or [] if len(words) == 1]
    tokens += config.suppress_tokens or []
    return torch.tensor(sorted(set(tokens)), device=device) if tokens else None
