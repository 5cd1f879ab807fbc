"""The numeric precisions that torch kinds compute in."""

from typing import Any

import torch

from proxylm.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def dtype_of(precision: str) -> torch.dtype:
    """The torch type. InputError for a precision that torch kinds do not have."""
    if precision not in DTYPES:
        raise InputError(f"precision {precision}: torch computes in {', '.join(DTYPES)}")
    return DTYPES[precision]


def autocast(device: str, precision: str) -> Any:
    """A context in which matrix products are computed in `precision`; fp32 changes nothing."""
    dtype = dtype_of(precision)
    enabled = dtype != torch.float32
    return torch.autocast(
        torch.device(device).type, dtype if enabled else torch.bfloat16, enabled=enabled
    )
