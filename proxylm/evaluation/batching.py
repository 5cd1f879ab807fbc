"""Batches of similar length within a budget of padded tokens, which shrinks where memory ends.

It knows no models: rows are their lengths, and the caller runs them.
"""

import contextlib
import ctypes
import gc
import logging
from collections.abc import Callable, Sequence

import torch

from proxylm.errors import ProxyLMError

_log = logging.getLogger("proxylm.evaluation")


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of rows, longest first, so that a batch that does not fit shows at once.

    In each batch rows times longest is at most `budget`; a longer row has a batch of its own.
    """
    batches: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if room < 1:
            batches.append([])
            room = max(1, budget // max(1, lengths[index]))
        batches[-1].append(index)
        room -= 1
    return batches


def run_batches(lengths: Sequence[int], budget: int, run: Callable[[list[int]], None]) -> None:
    """Call `run` with each batch; where memory runs out, go on with half the budget.

    Raises ProxyLMError when one row alone does not fit.
    """
    left = token_batches(lengths, budget)
    while left:
        try:
            run(left[0])
            left.pop(0)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            tokens = len(left[0]) * max(lengths[i] for i in left[0])
            alone = len(left[0]) == 1
        else:
            continue
        # Out of the handler: the error's traceback holds on to the tensors that filled the memory.
        free_cache()
        if alone:
            raise ProxyLMError(
                f"a text of {tokens} tokens alone does not fit into memory: take a smaller model "
                "or another device"
            )
        budget = tokens // 2
        _log.warning("out of memory: batches have %d tokens from here on", budget)
        rest = [index for batch in left for index in batch]
        again = token_batches([lengths[i] for i in rest], budget)
        left = [[rest[i] for i in batch] for batch in again]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out, on a GPU or the CPU."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    said = ("out of memory", "can't allocate memory", "not enough memory")  # GPU, Linux, Windows
    return isinstance(error, RuntimeError) and any(words in str(error) for words in said)


def free_cache() -> None:
    """Give back what torch and the C library keep of memory that is not in use.

    Without it a process that trains many adapters grows with each: freed blocks of many sizes lie
    between those in use.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
