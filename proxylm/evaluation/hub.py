"""Loads pre-trained models and tokenisers: from the hub at a pinned commit, or from a folder.

Never runs code that comes with a model, and never reads pickled weights. What goes wrong with a
name, a gate or the network becomes one line for the user.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.batching import is_out_of_memory
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.precision import dtype_of

_COMMIT = re.compile(r"[0-9a-f]{40}")

T = TypeVar("T")


def load_model(auto_class: Any, spec: ModelSpec, device: str, **options: Any) -> Any:
    """A model of `spec.config` on `device`, in evaluation mode.

    `path` is a folder or a name on the hub (default: the model's id), `file` a GGUF file in it,
    `precision` of the weights in memory fp32 (default), bf16 or fp16. On the hub `spec.revision`
    is a commit. Raises InputError for what is not there or may not be loaded, ProxyLMError where
    it does not fit into memory.
    """
    dtype = dtype_of(spec.config.get("precision", "fp32"))

    def load() -> Any:
        model = auto_class.from_pretrained(
            **_where(spec),
            trust_remote_code=False,
            use_safetensors=None if "file" in spec.config else True,
            dtype=dtype,
            **options,
        )
        return model.to(device).eval()

    try:
        return _explained(spec, load)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise ProxyLMError(
                f"{spec.model_id} does not fit into the memory of {device}"
            ) from None
        raise


def load_tokenizer(spec: ModelSpec, **options: Any) -> Any:
    """The tokeniser that comes with the model. Raises InputError as `load_model` does."""
    from transformers import AutoTokenizer

    return _explained(
        spec,
        lambda: AutoTokenizer.from_pretrained(**_where(spec), trust_remote_code=False, **options),
    )


def model_type(spec: ModelSpec) -> str:
    """The family: `model_type` of the model's configuration, for example m2m_100."""
    from transformers import AutoConfig

    config = _explained(
        spec, lambda: AutoConfig.from_pretrained(**_where(spec), trust_remote_code=False)
    )
    return str(config.model_type)


def _where(spec: ModelSpec) -> dict[str, Any]:
    path = str(spec.config.get("path", spec.model_id))
    where: dict[str, Any] = {"pretrained_model_name_or_path": path}
    if "file" in spec.config:
        where["gguf_file"] = str(spec.config["file"])
    if Path(path).is_absolute() or path.startswith("."):
        if not Path(path).is_dir():
            raise InputError(f"{spec.model_id}: there is no folder {path}")
        return where
    if not _COMMIT.fullmatch(spec.revision):
        raise InputError(
            f"{spec.model_id} has revision {spec.revision!r}: a model of the hub is pinned to a "
            "commit, 40 hexadecimal digits (the page `Files and versions` shows it)"
        )
    where["revision"] = spec.revision
    return where


_HINTS: Mapping[type[Exception], str] = {
    GatedRepoError: "{path} is gated; accept its terms on the hub and set HF_TOKEN",
    RevisionNotFoundError: "{path} has no revision {revision}",
    RepositoryNotFoundError: "the hub has no model {path}, or it is private (HF_TOKEN opens it)",
    LocalEntryNotFoundError: "{path} is not in the cache and the hub cannot be reached; download "
    "it where there is a network, or give a folder as `path`",
}
"""What to do about an error of the hub; the first that fits counts: a gated one is missing too."""


def _explained(spec: ModelSpec, load: Callable[[], T]) -> T:
    """What `load` gives; its errors as one line that says what to do."""
    path = spec.config.get("path", spec.model_id)
    try:
        return load()
    except (HfHubHTTPError, OSError, ValueError, KeyError) as error:
        chain: list[BaseException] = [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(cause)  # transformers wraps what the hub said
        hints = [
            hint.format(path=path, revision=spec.revision)
            for kind, hint in _HINTS.items()
            if any(isinstance(one, kind) for one in chain)
        ]
        reason = hints[0] if hints else f"{path} cannot be loaded: {_first_line(error)}"
        raise InputError(f"{spec.model_id}: {reason}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
