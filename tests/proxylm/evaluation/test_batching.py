"""Batches within a budget, and what happens where memory ends."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proxylm.errors import ProxyLMError
from proxylm.evaluation.batching import is_out_of_memory, run_batches, token_batches

lengths_of_rows = st.lists(st.integers(0, 50), max_size=60)


@given(lengths_of_rows, st.integers(1, 200))
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_batches(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget
    # The longest come first, so that what does not fit is known at once.
    assert [lengths[i] for batch in batches for i in batch] == sorted(lengths, reverse=True)


def test_batches_have_less_padding_than_lines_in_their_order() -> None:
    lengths = [3, 40, 5, 38, 4, 41, 6, 39] * 8
    padded = sum(len(batch) * lengths[batch[0]] for batch in token_batches(lengths, 328))
    in_order = sum(8 * max(lengths[i : i + 8]) for i in range(0, len(lengths), 8))
    assert padded < 0.6 * in_order


def device_with(memory: int, done: list[int]) -> Callable[[list[int]], None]:
    """Runs rows of the lengths below, as long as rows times longest fits into `memory`."""

    def run(batch: list[int]) -> None:
        if len(batch) * max(LENGTHS[i] for i in batch) > memory:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        done.extend(batch)

    return run


LENGTHS = [7, 30, 12, 3, 25, 9, 18, 2, 11, 16]


@pytest.mark.parametrize("memory", [30, 64, 1000])
def test_out_of_memory_halves_the_budget_and_repeats_no_finished_row(memory: int) -> None:
    done: list[int] = []
    run_batches(LENGTHS, 1000, device_with(memory, done))
    assert sorted(done) == list(range(len(LENGTHS)))


def test_a_row_that_does_not_fit_alone_is_said_to_be_too_long() -> None:
    with pytest.raises(ProxyLMError, match="a text of 30 tokens alone does not fit into memory"):
        run_batches(LENGTHS, 1000, device_with(29, []))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def run(batch: list[int]) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run_batches(LENGTHS, 1000, run)


def test_what_torch_and_python_say_here_is_known_as_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**46)
    assert is_out_of_memory(of_torch.value)
    with pytest.raises(MemoryError) as of_python:
        bytearray(2**60)
    assert is_out_of_memory(of_python.value)
