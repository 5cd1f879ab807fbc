"""Encoder-decoder models run by CTranslate2, the extra `ct2`: faster on a CPU, and in int8.

A model folder of transformers is converted once and kept by the hash of its files. It knows no
languages and no tokenisers: rows are tokens, as a tokeniser's vocabulary spells them.

Greedy search gives what `search.generate` gives. Beam search may not: both divide a hypothesis'
log-probability by length ** length_penalty with the end token counted, but CTranslate2 stops as soon
as `beam` hypotheses have ended, where transformers goes on while a running one scores better.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.batching import is_out_of_memory

COMPUTE_TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "int8": "int8"}
"""Precision to CTranslate2's name for it: of the weights in the file and of the computation."""

_log = logging.getLogger("proxylm.evaluation")


class Ct2Translator:
    """A converted model in memory."""

    def __init__(
        self, folder: Path, precision: str, device: str = "cpu", cache: Path | None = None
    ) -> None:
        """Convert the model that `save_pretrained` wrote into `folder`, with its tokeniser, and load it.

        Conversions are kept in `cache` (default: a subfolder of `folder`). Computes on as many
        CPU threads as torch does. Raises InputError where ctranslate2 is not installed, or has not
        this family of models or, on this device, this precision.
        """
        package = _package()
        where, index = torch.device(device).type, torch.device(device).index
        _check_precision(package, precision, where)
        path = convert(folder, precision, cache or folder / "ctranslate2")
        self._translator = package.Translator(
            str(path),
            device=where,
            device_index=index or 0,
            compute_type=COMPUTE_TYPES[precision],
            # Batches side by side: products this small gain little from several threads.
            inter_threads=torch.get_num_threads() if where == "cpu" else 1,
            intra_threads=1,
        )

    def generate(
        self,
        token_rows: Sequence[Sequence[str]],
        target_prefix: Sequence[str] | None,
        *,
        beam: int,
        length_penalty: float,
        max_tokens: int,
        budget: int,
    ) -> list[list[str]]:
        """The found output of each row of source tokens, without prefix and end token.

        Rows end with the end token if the family has one there. `target_prefix` is what each output
        begins with, often a language token. `max_tokens` counts what comes after it, `budget` padded
        source tokens a batch, shared by the hypotheses of a beam; where memory runs out it is
        halved. Raises ProxyLMError where one row alone does not fit.
        """
        prefix = list(target_prefix or [])
        size = max(1, budget // beam)
        while True:
            try:
                found = self._translator.translate_batch(
                    [list(row) for row in token_rows],
                    target_prefix=[prefix] * len(token_rows) if prefix else None,
                    max_batch_size=size,
                    batch_type="tokens",
                    beam_size=beam,
                    length_penalty=length_penalty,
                    max_input_length=0,
                    max_decoding_length=max_tokens + len(prefix),
                )
                return [result.hypotheses[0][len(prefix) :] for result in found]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if size <= max(map(len, token_rows)):
                raise ProxyLMError(
                    f"a text of {size} tokens alone does not fit into memory: take a smaller model "
                    "or another device"
                )
            size //= 2
            _log.warning("out of memory: batches have %d tokens from here on", size)


def convert(folder: Path, precision: str, cache: Path) -> Path:
    """The folder below `cache` with the converted model; equal files are converted once.

    Raises InputError where ctranslate2 is not installed or cannot convert the model.
    """
    package = _package()
    kind = COMPUTE_TYPES[precision]
    target = cache / f"{_fingerprint(folder, package.__version__)}-{kind}"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".") as scratch:
        path = Path(scratch) / "model"
        _converter(folder).convert(str(path), quantization=kind)
        try:
            path.rename(target)
        except OSError:
            if not target.exists():  # another process was first
                raise
    return target


def _converter(folder: Path) -> Any:
    from ctranslate2.converters import transformers as ct2

    class Marian(ct2.MarianMTLoader):
        """Takes the pad token out wherever it stands; CTranslate2's own takes the last row."""

        def get_model_spec(self, model: Any) -> Any:
            pad = model.config.pad_token_id
            size = model.config.vocab_size
            order = [*range(pad), *range(pad + 1, size), pad]
            weights = {
                id(module.weight): module.weight
                for module in (
                    model.model.encoder.embed_tokens,
                    model.model.decoder.embed_tokens,
                    model.lm_head,
                )
            }
            for weight in weights.values():
                weight.data = weight.data[order]
            model.final_logits_bias = model.final_logits_bias[:, order]
            return super().get_model_spec(model)

        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            tokens = ct2.BartLoader.get_vocabulary(self, model, tokenizer)
            return [token for i, token in enumerate(tokens) if i != model.config.pad_token_id]

    class M2M100(ct2.M2M100Loader):
        """Knows the language tokens, which `get_vocab` of transformers 5 leaves out for M2M100."""

        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            languages = getattr(tokenizer, "id_to_lang_token", {})
            if not languages:
                return list(super().get_vocabulary(model, tokenizer))
            tokens = ct2.BartLoader.get_vocabulary(self, model, tokenizer)
            tokens += [languages[i] for i in sorted(languages) if i >= len(tokens)]
            return tokens + [f"madeupword{i}" for i in range(model.config.vocab_size - len(tokens))]

    ct2.register_loader("MarianConfig")(Marian)
    ct2.register_loader("M2M100Config")(M2M100)
    return ct2.TransformersConverter(str(folder))
