"""Greedy and beam search over any encoder-decoder model of transformers.

Rows of similar length go together, the encoder runs once, and rows that have ended leave the batch:
nothing is computed for padding that nobody reads. It knows no languages and no tokenisers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, EncoderDecoderCache
from transformers.cache_utils import DynamicLayer
from transformers.modeling_outputs import BaseModelOutput

from proxylm.evaluation.batching import run_batches

_LEAVE = (
    0.125  # share of ended rows at which a batch is made smaller; copying the cache has a price
)
_ROOM = 32  # tokens that a cache has room for beyond those in it


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
    shared by the hypotheses. The pad token is never an output. Of `model.generation_config` only
    banned tokens are respected (`bad_words_ids` of one token, `suppress_tokens`), since everything
    else is given here; an output of `max_tokens` tokens is cut there, without an end token forced
    in place of its last one. With beam 1 the outputs are those of `model.generate`, but for
    rounding: the order of sums depends on a batch's shape. Beams are those of `model.generate`.
    Raises ProxyLMError where one row alone does not fit into memory.
    """
    found: list[list[int]] = [[] for _ in rows]
    banned = _banned(model.generation_config, pad_id, eos_id)

    def run(indices: list[int]) -> None:
        source = _padded([rows[i] for i in indices], pad_id, device)
        start = torch.tensor([list(start_ids)] * len(indices), device=device)
        with torch.inference_mode():
            if beam == 1:
                outputs = _greedy(model, source, start, pad_id, eos_id, max_tokens, banned)
            else:
                outputs = model.generate(
                    input_ids=source,
                    attention_mask=(source != pad_id).long(),
                    decoder_input_ids=start,
                    num_beams=beam,
                    length_penalty=length_penalty,
                    max_new_tokens=max_tokens,
                    do_sample=False,
                    early_stopping=False,
                    pad_token_id=pad_id,
                    eos_token_id=eos_id,
                    forced_bos_token_id=None,
                    forced_eos_token_id=None,
                    suppress_tokens=banned or None,
                )[:, start.shape[1] :]
        for index, output in zip(indices, outputs.tolist(), strict=True):
            found[index] = output[: output.index(eos_id)] if eos_id in output else output

    run_batches([len(row) for row in rows], max(1, budget // beam), run)
    return found


def _greedy(
    model: Any,
    source: Tensor,
    start: Tensor,
    pad_id: int,
    eos_id: int,
    max_tokens: int,
    banned: list[int],
) -> Tensor:
    """Ids [rows, max_tokens]: each row up to and with its end token, which then fills it up."""
    n_rows, device = len(source), source.device
    mask = (source != pad_id).long()
    states = model.get_encoder()(input_ids=source, attention_mask=mask).last_hidden_state
    cache = EncoderDecoderCache(_roomy_cache(), _roomy_cache())
    written = torch.full((n_rows, max_tokens), eos_id, device=device)
    running = torch.arange(n_rows, device=device)  # the row that each line of the batch is for
    ended = torch.zeros(n_rows, dtype=torch.bool, device=device)
    never = torch.tensor(banned, dtype=torch.long, device=device)
    step_ids = start
    for position in range(max_tokens):
        logits = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            decoder_input_ids=step_ids,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
        best = logits.index_fill_(1, never, -torch.inf).argmax(dim=-1)
        best = best.masked_fill_(ended, eos_id)
        written[running, position] = best
        ended = best == eos_id
        n_ended = int(ended.sum())
        if n_ended == len(ended):
            break
        if n_ended >= _LEAVE * len(ended):
            keep = (~ended).nonzero()[:, 0]
            for layer in (*cache.self_attention_cache.layers, *cache.cross_attention_cache.layers):
                layer.batch_select_indices(keep)
            states, mask, best = states[keep], mask[keep], best[keep]
            running, ended = running[keep], ended[keep]
        step_ids = best.unsqueeze(1)
    return written


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values [rows, heads, tokens, width] with room for tokens to come.

    The one of transformers copies everything at each step; here a step writes what is new.
    """

    is_initialized: bool
    _room: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.dtype, self.device = key_states.dtype, key_states.device
            self.keys, self.values = key_states, value_states
            self.is_initialized = True
            return key_states, value_states
        old = self.get_seq_length()
        new = old + key_states.shape[-2]
        if self._room is None or self._room[0].shape[-2] < new:
            self._room = (_roomy(self.keys, new), _roomy(self.values, new))
        keys, values = self._room
        keys[:, :, old:new] = key_states
        values[:, :, old:new] = value_states
        self.keys, self.values = keys[:, :, :new], values[:, :, :new]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        super().batch_select_indices(indices)
        self._room = None


def _roomy(tensor: Tensor, length: int) -> Tensor:
    rows, heads, old, width = tensor.shape
    room = tensor.new_empty(rows, heads, length + _ROOM, width)
    room[:, :, :old] = tensor
    return room


def _roomy_cache() -> Any:
    return Cache(layer_class_to_replicate=_RoomyLayer)


def _padded(rows: Sequence[Sequence[int]], pad_id: int, device: str) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows], device=device)


def _banned(config: Any, pad_id: int, eos_id: int) -> list[int]:
    tokens = {words[0] for words in config.bad_words_ids or [] if len(words) == 1}
    return sorted((tokens | {*(config.suppress_tokens or []), pad_id}) - {eos_id})
