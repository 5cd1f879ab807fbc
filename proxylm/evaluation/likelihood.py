"""Which of some token sequences a causal language model finds likeliest to come next.

What a model has read is kept, so that a prompt is read once and not once for each sequence; and a
sequence is left as soon as it cannot become the best one any more. The answer is the exact maximum.
"""

import copy
import inspect
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from proxylm.errors import ProxyLMError


class Context:
    """Rows of tokens that a model has read, and what it expects to come next."""

    def __init__(self, model: Any, rows: Sequence[Sequence[int]]) -> None:
        self._model = model
        self._cache: Any = None
        self._mask = torch.ones(len(rows), 0, dtype=torch.long, device=model.device)
        self.expected = Tensor()
        """Log-probability of each token to be next [rows, vocabulary]."""
        self.read(rows)

    def read(self, rows: Sequence[Sequence[int]]) -> None:
        """Go on with these tokens, one or more a row."""
        length = max(len(row) for row in rows)
        padding = [length - len(row) for row in rows]
        ids = [[0] * pad + list(row) for pad, row in zip(padding, rows, strict=True)]
        mask = [[0] * pad + [1] * (length - pad) for pad in padding]
        device = self._mask.device
        self._mask = torch.cat([self._mask, torch.tensor(mask, device=device)], dim=1)
        options = {}
        if _takes_positions(self._model):
            # The padding between two pieces of a row counts for nothing.
            positions = (self._mask.cumsum(1) - 1).clamp(min=0)
            options["position_ids"] = positions[:, -length:]
        output = self._model(
            input_ids=torch.tensor(ids, device=device),
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
            **options,
        )
        self._cache = output.past_key_values
        self.expected = output.logits[:, -1].float().log_softmax(-1)

    def rows(self, indices: Sequence[int]) -> "Context":
        """A context of its own with these rows of this one, which may repeat."""
        other = copy.copy(self)
        wanted = torch.tensor(indices, device=self._mask.device)
        other._mask = self._mask[wanted]
        other.expected = self.expected[wanted]
        other._cache = copy.copy(self._cache)
        other._cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        other._cache.batch_select_indices(wanted)  # makes new tensors
        return other


class Prompted:
    """Prompts to be read in batches; the beginning that all of them share is read once."""

    def __init__(self, model: Any, rows: Sequence[list[int]]) -> None:
        self._model = model
        self._rows = rows
        # Of sorted lists the first and the last differ earliest. Each keeps a token of its own.
        pairs = zip(min(rows), max(rows), strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(map(len, rows)))
        self._shared = min(same, min(map(len, rows)) - 1)
        self._start = Context(model, [rows[0][: self._shared]]) if self._shared else None

    def context(self, batch: Sequence[int]) -> Context:
        """The context of these rows."""
        if self._start is None:
            return Context(self._model, [self._rows[i] for i in batch])
        context = self._start.rows([0] * len(batch))
        context.read([self._rows[i][self._shared :] for i in batch])
        return context


class Choice(NamedTuple):
    """What `likeliest` returns."""

    numbers: list[int]  # of the chosen sequence, one a row
    tokens_read: list[int]  # to find it, a row


def likeliest(
    context: Context,
    sequences: Sequence[Sequence[int]],
    allowed: Sequence[Sequence[int]],
    offsets: Sequence[float],
    width: int,
) -> Choice:
    """For each row of the context, the sequence whose log-probability and offset sum to most.

    `allowed` has for each row the numbers of the sequences that it may choose from, `offsets` a
    number a sequence. At most `width` rows are read at a time. Raises ProxyLMError where the
    model's output is not a number.
    """
    search = _Search(sequences, offsets, len(allowed), width)
    search.visit(context, [_Node(i, 0, 0.0, tuple(numbers)) for i, numbers in enumerate(allowed)])
    if min(search.best) < 0:
        raise ProxyLMError(
            "the model's output is not a number: take another precision, or train with a lower "
            "learning rate"
        )
    return Choice(search.best, search.tokens_read)


def log_probabilities(context: Context, sequences: Sequence[Sequence[int]]) -> list[float]:
    """The log-probability of each sequence behind the context's only row."""
    found = [0.0] * len(sequences)
    going = list(range(len(sequences)))
    context = context.rows([0] * len(going))
    for depth in range(max(map(len, sequences))):
        still = [k for k, i in enumerate(going) if len(sequences[i]) > depth]
        if depth:
            context, going = context.rows(still), [going[k] for k in still]
            context.read([[sequences[i][depth - 1]] for i in going])
        tokens = [sequences[i][depth] for i in going]
        gains = context.expected[range(len(going)), tokens].tolist()
        for i, gain in zip(going, gains, strict=True):
            found[i] += gain
    return found


class _Node(NamedTuple):
    """The beginning that some sequences have in common."""

    row: int
    depth: int  # its tokens
    score: float  # its log-probability
    members: tuple[int, ...]  # the sequences that go on from here


class _Child(NamedTuple):
    bound: float  # no member's score can be greater
    parent: int  # row of the parent's context
    token: int
    node: _Node


class _Search:
    """Branch and bound over the common beginnings: log-probabilities only ever sink."""

    def __init__(
        self,
        sequences: Sequence[Sequence[int]],
        offsets: Sequence[float],
        n_rows: int,
        width: int,
    ) -> None:
        self._sequences = sequences
        self._offsets = offsets
        self._width = width
        self._best_score = [-math.inf] * n_rows
        self.best = [-1] * n_rows
        self.tokens_read = [0] * n_rows

    def visit(self, context: Context, nodes: Sequence[_Node]) -> None:
        """Judge everything below the nodes; node i has been read in row i of the context."""
        children = sorted(self._children(context, nodes), key=lambda child: -child.bound)
        for start in range(0, len(children), self._width):
            open_ = [
                child
                for child in children[start : start + self._width]
                if child.bound > self._best_score[child.node.row]
            ]
            if open_:
                deeper = context.rows([child.parent for child in open_])
                deeper.read([[child.token] for child in open_])
                for child in open_:
                    self.tokens_read[child.node.row] += 1
                self.visit(deeper, [child.node for child in open_])

    def _children(self, context: Context, nodes: Sequence[_Node]) -> list[_Child]:
        """The next tokens after each node; sequences that end with them are judged."""
        branches = []
        for parent, node in enumerate(nodes):
            by_token = defaultdict(list)
            for number in node.members:
                by_token[self._sequences[number][node.depth]].append(number)
            branches += [(parent, token, members) for token, members in by_token.items()]
        parents, tokens = [b[0] for b in branches], [b[1] for b in branches]
        gains = context.expected[parents, tokens].tolist()
        children = []
        for (parent, token, members), gain in zip(branches, gains, strict=True):
            row, depth, score = nodes[parent].row, nodes[parent].depth + 1, nodes[parent].score
            score += gain
            going_on = []
            for number in members:
                if len(self._sequences[number]) > depth:
                    going_on.append(number)
                elif score + self._offsets[number] > self._best_score[row]:
                    self._best_score[row] = score + self._offsets[number]
                    self.best[row] = number
            if going_on:
                bound = score + max(self._offsets[number] for number in going_on)
                node = _Node(row, depth, score, tuple(going_on))
                children.append(_Child(bound, parent, token, node))
        return children


def _takes_positions(model: Any) -> bool:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "position_ids" in inspect.signature(type(base).forward).parameters
