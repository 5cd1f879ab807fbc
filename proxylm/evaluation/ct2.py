"""Encoder-decoder models run by CTranslate2, the extra `ct2`: faster on a CPU, and in int8.

A model folder of transformers is converted once and kept by the hash of its files. It knows no
languages and no tokenisers: rows are tokens, as a tokeniser's vocabulary spells them.

Greedy search in fp32 gives what `search.generate` gives. A beam may not: both divide a hypothesis'
log-probability by length ** length_penalty, but CTranslate2 counts the target prefix too (so a
penalty weighs a little less after a language token), and stops as soon as `beam` hypotheses have
ended, where transformers goes on while a running one may still win.
"""

import hashlib
import importlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.batching import is_out_of_memory

COMPUTE_TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16", "int8": "int8"}
"""Precision to CTranslate2's name for it: of the weights in the file and of the computation."""

_CONVERSION = "1"  # of `_converter`: with another one, models are converted anew
_NEVER = -1e4  # logit of a token that is no output; fp16 has it too
_log = logging.getLogger("proxylm.evaluation")


class Ct2Translator:
    """A converted model in memory."""

    def __init__(
        self, folder: Path, precision: str, device: str = "cpu", cache: Path | None = None
    ) -> None:
        """Convert the model in `folder`, written with its tokeniser by `save_pretrained`; load it.

        Conversions are kept in `cache` (default: a subfolder of `folder`). Computes on as many
        CPU threads as torch does. Raises InputError where ctranslate2 is not installed, or has not
        this family of models or, on this device, this precision.
        """
        package = _package()
        where, index = torch.device(device).type, torch.device(device).index
        _check_precision(package, precision, where)
        path = convert(folder, precision, cache or folder / "ctranslate2")
        # Batches side by side: products this small gain little from several threads.
        self._threads = torch.get_num_threads() if where == "cpu" else 1
        self._translator = package.Translator(
            str(path),
            device=where,
            device_index=index or 0,
            compute_type=COMPUTE_TYPES[precision],
            inter_threads=self._threads,
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
        begins with, often a language token. `max_tokens` counts what comes after it, `budget`
        padded source tokens a batch, shared by the hypotheses of a beam; where memory runs out it
        is halved. Raises ProxyLMError where one row alone does not fit.
        """
        prefix = list(target_prefix or [])
        lengths = [len(row) for row in token_rows] or [1]
        size = max(1, budget // beam)
        if self._threads > 1:  # enough batches that no thread waits long for the others
            size = max(*lengths, min(size, sum(lengths) // (4 * self._threads)))
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
                    min_decoding_length=0,
                    max_decoding_length=max_tokens + len(prefix),
                )
                return [result.hypotheses[0][len(prefix) :] for result in found]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if size <= max(lengths):
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
        try:
            _converter(folder).convert(str(path), quantization=kind)
        except (ValueError, NotImplementedError) as error:
            raise InputError(
                f"ctranslate2 cannot convert this model: {error}; take the backend torch"
            ) from None
        try:
            path.rename(target)
        except OSError:
            if not target.exists():  # another process was first
                raise
    return target


def _package() -> Any:
    try:
        return importlib.import_module("ctranslate2")
    except ImportError:
        raise InputError(
            "the backend ctranslate2 is not installed: pip install 'proxylm-ops[ct2]'"
        ) from None


def _check_precision(package: Any, precision: str, device: str) -> None:
    if precision not in COMPUTE_TYPES:
        raise InputError(
            f"the backend ctranslate2 has no precision {precision}; it has "
            f"{', '.join(COMPUTE_TYPES)}"
        )
    if COMPUTE_TYPES[precision] not in package.get_supported_compute_types(device):
        raise InputError(
            f"the backend ctranslate2 does not compute in {precision} on this {device}; "
            "fp32 and int8 work everywhere"
        )


def _fingerprint(folder: Path, version: str) -> str:
    """Hash of all that a conversion reads, and of the converter's version."""
    content = hashlib.sha256(f"{version} {_CONVERSION}".encode())
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        content.update(f"\n{path.name}\n".encode())
        with path.open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()[:32]


def _converter(folder: Path) -> Any:
    from ctranslate2.converters import transformers as ct2

    class Marian(ct2.MarianMTLoader):  # type: ignore[misc]
        """Begins with the pad token's own embedding, wherever that stands.

        CTranslate2's loader takes the last row away and begins with zeros. That is what the
        published models have, but training changes the row, since the output layer shares it.
        """

        set_decoder = ct2.BartLoader.set_decoder
        get_vocabulary = ct2.BartLoader.get_vocabulary

        def get_model_spec(self, model: Any) -> Any:
            model.config.normalize_before = model.config.normalize_embedding = False
            model.final_logits_bias[:, model.config.pad_token_id] = _NEVER
            return ct2.BartLoader.get_model_spec(self, model)

        def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:
            super().set_config(config, model, tokenizer)
            start = model.config.decoder_start_token_id
            config.decoder_start_token = tokenizer.convert_ids_to_tokens(start)

    class M2M100(ct2.M2M100Loader):  # type: ignore[misc]
        """Knows the language tokens, which `get_vocab` of transformers 5 leaves out for M2M100."""

        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            languages = getattr(tokenizer, "id_to_lang_token", {})
            if not languages:
                return list(super().get_vocabulary(model, tokenizer))
            tokens: list[str] = ct2.BartLoader.get_vocabulary(self, model, tokenizer)
            tokens += [languages[i] for i in sorted(languages) if i >= len(tokens)]
            return tokens + [f"madeupword{i}" for i in range(model.config.vocab_size - len(tokens))]

    ct2.register_loader("MarianConfig")(Marian)
    ct2.register_loader("M2M100Config")(M2M100)
    return ct2.TransformersConverter(str(folder))
