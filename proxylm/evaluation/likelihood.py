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

    def read(
        self, rows: Sequence[Sequence[int]], then: Sequence[Sequence[int]] | None = None
    ) -> list[float]:
        """Go on with these tokens, one or more a row.

        Returns for each row the summed log-probability of the tokens of `then`, the first of
        which stands behind the row's first new token, the second behind its second, and so on.
        """
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
            logits_to_keep=1 if then is None else length,
            **options,
        )
        self._cache = output.past_key_values
        self.expected = output.logits[:, -1].float().log_softmax(-1)
        if then is None:
            return []
        scores = output.logits[:, -length:].float()
        scores = scores - scores.logsumexp(-1, keepdim=True)
        places = [(i, padding[i] + k, t) for i, row in enumerate(then) for k, t in enumerate(row)]
        sums = [0.0] * len(rows)
        if places:
            i, k, t = zip(*places, strict=True)
            for row, value in zip(i, scores[list(i), list(k), list(t)].tolist(), strict=True):
                sums[row] += value
        return sums

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
        # Each row keeps a token of its own: what comes next is known from the last one read.
        self._shared = min(len(shared_beginning(rows)), min(map(len, rows)) - 1)
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
    search.visit(
        context, [_Node(i, i, 0, 0.0, tuple(numbers)) for i, numbers in enumerate(allowed)]
    )
    if min(search.best) < 0:
        raise ProxyLMError(
            "the model's output is not a number: take another precision, or train with a lower "
            "learning rate"
        )
    return Choice(search.best, search.tokens_read)


def log_probabilities(context: Context, sequences: Sequence[Sequence[int]]) -> list[float]:
    """The log-probability of each sequence behind the context's only row."""
    first = context.expected[0, [sequence[0] for sequence in sequences]].tolist()
    rest = context.rows([0] * len(sequences)).read(sequences, [s[1:] for s in sequences])
    return [a + b for a, b in zip(first, rest, strict=True)]


class _Node(NamedTuple):
    """The beginning that some sequences have in common."""

    row: int  # what is answered
    place: int  # row of the context that has read it
    depth: int  # its tokens
    score: float  # its log-probability
    members: tuple[int, ...]  # the sequences that go on from here


class _Branch(NamedTuple):
    """What some members of a node have in common behind it."""

    bound: float  # no member's value can be greater
    tokens: Sequence[int]
    end: _Node  # its place is that of the node; its score lacks all tokens but the first


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
        self._best_value = [-math.inf] * n_rows
        self.best = [-1] * n_rows
        self.tokens_read = [0] * n_rows

    def visit(self, context: Context, nodes: Sequence[_Node]) -> None:
        """Judge everything below these nodes of the context."""
        branches = sorted(self._branches(context, nodes), key=lambda branch: -branch.bound)
        for start in range(0, len(branches), self._width):
            open_ = [
                branch
                for branch in branches[start : start + self._width]
                if branch.bound > self._best_value[branch.end.row]
            ]
            if not open_:
                continue
            deeper = context.rows([branch.end.place for branch in open_])
            gains = deeper.read([b.tokens for b in open_], [b.tokens[1:] for b in open_])
            inner = []
            for place, (branch, gain) in enumerate(zip(open_, gains, strict=True)):
                end = branch.end
                self.tokens_read[end.row] += len(branch.tokens)
                end = self._judged(end._replace(place=place, score=end.score + gain))
                inner += [end] if end.members else []
            if inner:
                self.visit(deeper, inner)

    def _judged(self, node: _Node) -> _Node:
        """The node with those members that go on; the others end here and are judged."""
        going_on = []
        for number in node.members:
            if len(self._sequences[number]) > node.depth:
                going_on.append(number)
            elif node.score + self._offsets[number] > self._best_value[node.row]:
                self._best_value[node.row] = node.score + self._offsets[number]
                self.best[node.row] = number
        return node._replace(members=tuple(going_on))

    def _branches(self, context: Context, nodes: Sequence[_Node]) -> list[_Branch]:
        """The ways on from each node; those of one token are judged at once."""
        ways = []
        for node in nodes:
            by_token = defaultdict(list)
            for number in node.members:
                by_token[self._sequences[number][node.depth]].append(number)
            ways += [(node, token, members) for token, members in by_token.items()]
        places, tokens = [node.place for node, _, _ in ways], [token for _, token, _ in ways]
        gains = context.expected[places, tokens].tolist()
        branches = []
        for (node, _, members), gain in zip(ways, gains, strict=True):
            way = shared_beginning([self._sequences[number] for number in members])[node.depth :]
            end = node._replace(
                depth=node.depth + len(way), score=node.score + gain, members=tuple(members)
            )
            if len(way) == 1:
                end = self._judged(end)
            if end.members:
                bound = end.score + max(self._offsets[number] for number in end.members)
                branches.append(_Branch(bound, way, end))
        return branches


def shared_beginning(rows: Sequence[Sequence[int]]) -> Sequence[int]:
    """The tokens that all rows begin with."""
    for place, tokens in enumerate(zip(*rows, strict=False)):
        if len(set(tokens)) > 1:
            return rows[0][:place]
    return min(rows, key=len)


def _takes_positions(model: Any) -> bool:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "position_ids" in inspect.signature(type(base).forward).parameters
