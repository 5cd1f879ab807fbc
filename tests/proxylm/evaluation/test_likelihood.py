"""The likeliest sequence, judged by the plain way: every prompt with every sequence, unpadded."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from proxylm.evaluation.likelihood import Context, Prompted, likeliest, log_probabilities
from tests.proxylm.evaluation.tiny_decoder import bloom, llama

PROMPTS = [
    [7, 8, 9, 10, 11, 12],
    [7, 8, 9, 30, 31],
    [7, 8, 9, 10],
    [7, 8, 9, 40, 41, 42, 43, 44, 45],
]
SEQUENCES = [[50, 51], [50, 51, 52, 53], [50, 60], [61], [62, 63, 64], [62, 63, 65, 66, 67]]
EVERY = range(len(SEQUENCES))


@pytest.fixture(scope="module", params=["llama", "bloom"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("model")
    text = ["some text for a tokeniser to learn from"]
    folder = llama(folder, text, spread=0.2) if request.param == "llama" else bloom(folder, text)
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def judged(model: Any, prompt: Sequence[int], sequence: Sequence[int]) -> float:
    ids = torch.tensor([[*prompt, *sequence]])
    with torch.inference_mode():
        scores = model(ids, use_cache=False).logits[0].log_softmax(-1)
    places = range(len(prompt) - 1, ids.shape[1] - 1)
    return float(scores[places, ids[0, len(prompt) :]].sum())


@pytest.mark.parametrize("width", [1, 3, 100])
def test_it_finds_what_the_plain_way_finds(model: Any, width: int) -> None:
    offsets = [0.0, 3.0, -1.0, -2.5, 0.5, 4.0]
    allowed = [EVERY, EVERY, [0, 1, 4], [5, 2]]
    with torch.inference_mode():
        context = Prompted(model, PROMPTS).context([0, 1, 2, 3])
        found = likeliest(context, SEQUENCES, allowed, offsets, width)
    table = [[judged(model, p, s) + o for s, o in zip(SEQUENCES, offsets, strict=True)]
             for p in PROMPTS]  # fmt: skip
    best = [max(numbers, key=row.__getitem__) for numbers, row in zip(allowed, table, strict=True)]
    assert found.numbers == best
    nodes = len({tuple(s[:n]) for s in SEQUENCES for n in range(1, len(s) + 1)})
    assert all(n <= nodes for n in found.tokens_read)


def test_log_probabilities_are_those_of_the_plain_way(model: Any) -> None:
    with torch.inference_mode():
        found = log_probabilities(Context(model, [PROMPTS[0]]), SEQUENCES)
    assert found == pytest.approx([judged(model, PROMPTS[0], s) for s in SEQUENCES], abs=1e-4)


def test_rows_go_on_with_pieces_of_different_length(model: Any) -> None:
    """Padding between the pieces counts for nothing, and a copy leaves its original alone."""
    with torch.inference_mode():
        context = Context(model, PROMPTS[:3])
        context.read([[20], [21, 22, 23], [24, 25]])
        copy = context.rows([2, 0, 2])
        copy.read([[26, 27], [28], [29]])
        context.read([[30, 31, 32], [33], [34]])
    rows = [[*PROMPTS[0], 20, 30, 31, 32], [*PROMPTS[1], 21, 22, 23, 33], [*PROMPTS[2], 24, 25, 34]]
    rows += [[*PROMPTS[2], 24, 25, 26, 27], [*PROMPTS[0], 20, 28], [*PROMPTS[2], 24, 25, 29]]
    for row, expected in zip(rows, [*context.expected, *copy.expected], strict=True):
        assert float(expected[70]) == pytest.approx(judged(model, row, [70]), abs=1e-4)
