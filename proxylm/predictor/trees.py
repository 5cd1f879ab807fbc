"""LightGBM, also where the system lacks the OpenMP library that it is linked with.

Slim images and fresh machines have no `libgomp.so.1`. PyTorch's Linux wheels bring one of that
name; once it is loaded, LightGBM's library finds it.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

from proxylm.errors import ProxyLMError

__all__ = ["lightgbm"]


def _load_openmp(reason: OSError) -> None:
    """Load PyTorch's library without importing torch. Raises ProxyLMError where there is none."""
    torch = find_spec("torch")
    try:
        ctypes.CDLL(str(Path(str(torch and torch.origin)).parent / "lib" / "libgomp.so.1"))
    except OSError:
        raise ProxyLMError(
            f"LightGBM cannot be loaded: {reason}; install the system's OpenMP library (Debian: "
            "libgomp1, Fedora: libgomp, macOS: libomp)"
        ) from None


try:
    import lightgbm
except OSError as error:
    _load_openmp(error)
    import lightgbm
