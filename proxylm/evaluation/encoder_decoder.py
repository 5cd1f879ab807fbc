"""Pre-trained translation models: M2M100, NLLB, SMaLL-100, Marian/OPUS-MT, T5 and mT5.

Loaded with transformers once, fine-tuned in full or with LoRA, and searched greedily or with a
beam. It knows no corpora, keys or scores; how languages are put to a tokeniser is in `families.py`.
"""

import copy
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.families import Family, family_of
from proxylm.evaluation.hub import load_model, load_tokenizer, model_type
from proxylm.evaluation.precision import autocast
from proxylm.evaluation.search import generate
from proxylm.evaluation.shared_base import SharedBase, Variant
from proxylm.evaluation.training import Objective, Recipe, train

TOKEN_BUDGET = {"cpu": 4096, "cuda": 32768}
"""Padded source tokens of one batch of a search, by type of device; halved where too many."""

_IGNORED = -100  # label of padding: no loss
_LONGEST_SOURCE = 1024  # tokens; a model whose position embeddings end before has its own limit
_log = logging.getLogger(__name__)


class EncoderDecoder:
    """A base model in memory, and its tokeniser."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        from transformers import AutoModelForSeq2SeqLM

        self.device = device
        self._spec = spec
        self._tokenizer = load_tokenizer(spec)
        self._type = model_type(spec)
        self._family(None)  # refuses an unknown family before its weights are loaded
        model = load_model(AutoModelForSeq2SeqLM, spec, device, attn_implementation="sdpa")
        self._base = SharedBase(model)

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing is shared between jobs but the base itself."""

    def settle(self) -> float:
        """No timed work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "Translator":
        """The base model as it was published; T5 and mT5 take the recipe's `prompt`."""
        family = self._family(recipe.get("prompt"))
        return Translator(self._base.plain(), family, self.device, {})

    def fit(self, training: Training) -> "Translator":
        """Fine-tune on the training pairs; see `training.Recipe` for the fields of the recipe."""
        recipe = Recipe.of(training.recipe)
        family = self._family(recipe.prompt)
        # One name a training, whatever else is on the base: a checkpoint is found by it.
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            variant = self._base.new(f"k{training.checkpoint.parent.name[:16]}", recipe.lora)
        with variant.active() as model:
            fit_pairs(model, family, training, recipe, self.device)
        return Translator(variant, family, self.device, {"prompt": recipe.prompt})

    def load(self, folder: Path) -> "Translator":
        """The translator that `Translator.save` wrote into `folder`."""
        description = json.loads((folder / "translator.json").read_text(encoding="utf-8"))
        variant = self._base.load(f"k{folder.parent.name[:16]}", folder)
        return Translator(
            variant, self._family(description.get("prompt")), self.device, description
        )

    def _family(self, prompt: str | None) -> Family:
        return family_of(self._spec, self._type, self._tokenizer, prompt)


class Translator:
    """A model with weights of its own, or the base as it is."""

    def __init__(
        self, variant: Variant, family: Family, device: str, description: dict[str, Any]
    ) -> None:
        self._variant = variant
        self._family = family
        self._device = device
        self._description = description

    def answer(self, query: Query) -> Answers:
        """Translations; a source longer than the model's positions, or 1,024 tokens, is cut.

        The log says how many were.
        """
        how = query.inference
        rows = self._family.sources(query.texts, query.source_lang, query.target_lang)
        with self._variant.active() as model:
            positions = getattr(model.config, "max_position_embeddings", _LONGEST_SOURCE)
        rows = _cut(rows, min(_LONGEST_SOURCE, positions))
        forced = self._family.forced(query.target_lang)
        search = self._search_ct2 if how.backend == "ctranslate2" else self._search_torch
        found = search(rows, forced, query)
        return Answers(
            self._family.texts(found),
            tokens_in=sum(map(len, rows)),
            tokens_out=sum(map(len, found)),
        )

    def _search_torch(
        self, rows: list[list[int]], forced: list[int], query: Query
    ) -> list[list[int]]:
        how = query.inference
        with self._variant.active() as model, autocast(self._device, how.precision):
            config = model.config
            return generate(
                model,
                rows,
                pad_id=config.pad_token_id,
                eos_id=_eos(config, self._family.tokenizer),
                start_ids=[_decoder_start(config), *forced],
                beam=how.beam,
                length_penalty=how.length_penalty,
                max_tokens=how.max_tokens,
                budget=TOKEN_BUDGET[torch.device(self._device).type],
                device=self._device,
            )

    def _search_ct2(
        self, rows: list[list[int]], forced: list[int], query: Query
    ) -> list[list[int]]:
        from proxylm.evaluation.ct2 import Ct2Translator  # an extra

        how, tokenizer = query.inference, self._family.tokenizer
        with tempfile.TemporaryDirectory() as folder:
            with self._variant.active() as model:
                # Merging changes the base in place, and other adapters are on it: a copy is merged.
                is_adapted = hasattr(model, "merge_and_unload")
                whole = copy.deepcopy(model).merge_and_unload() if is_adapted else model
                whole.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            translator = Ct2Translator(Path(folder), how.precision, self._device)
        tokens = [tokenizer.convert_ids_to_tokens(row) for row in rows]
        prefix = tokenizer.convert_ids_to_tokens(forced) if forced else None
        found = translator.generate(
            tokens,
            prefix,
            beam=how.beam,
            length_penalty=how.length_penalty,
            max_tokens=how.max_tokens,
            budget=TOKEN_BUDGET[torch.device(self._device).type],
        )
        return [tokenizer.convert_tokens_to_ids(row) for row in found]

    def save(self, folder: Path) -> None:
        """Write the weights and `translator.json`."""
        self._variant.save(folder)
        (folder / "translator.json").write_text(json.dumps(self._description), encoding="utf-8")

    def release(self) -> None:
        """Free the weights; the base stays."""
        self._variant.release()


def fit_pairs(
    model: nn.Module, family: Family, training: Training, recipe: Recipe, device: str
) -> None:
    """Train `model` in place to translate the training pairs."""
    objective = _objective(
        model, family, training.train, training, recipe, device, recipe.label_smoothing
    )
    dev = None
    if training.dev:
        dev = _objective(model, family, training.dev, training, recipe, device, 0.0)
    train(model, objective, dev, training, recipe, device)


def _objective(
    model: nn.Module,
    family: Family,
    lines: Labelled,
    training: Training,
    recipe: Recipe,
    device: str,
    label_smoothing: float,
) -> Objective:
    sources = family.sources(lines.texts, training.source_lang, training.target_lang)
    targets = family.targets(lines.labels, training.target_lang)
    pairs = [
        (_shorten(source, recipe.max_tokens), _shorten(target, recipe.max_tokens))
        for source, target in zip(sources, targets, strict=True)
    ]
    config: Any = model.config
    start, pad = _decoder_start(config), config.pad_token_id

    def loss(rows: list[int]) -> Tensor:
        source = padded([pairs[i][0] for i in rows], pad, device)
        target = padded([pairs[i][1] for i in rows], _IGNORED, device)
        shifted = torch.full_like(target, start)
        shifted[:, 1:] = target[:, :-1].masked_fill(target[:, :-1] == _IGNORED, pad)
        logits = model(
            input_ids=source,
            attention_mask=(source != pad).long(),
            decoder_input_ids=shifted,
            use_cache=False,
        ).logits
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(),
            target.flatten(),
            ignore_index=_IGNORED,
            label_smoothing=label_smoothing,
            reduction="sum",
        )

    return Objective(
        lengths=[len(source) + len(target) for source, target in pairs],
        items=[len(target) for _, target in pairs],
        loss=loss,
    )


def padded(rows: Sequence[Sequence[int]], fill: int, device: str) -> Tensor:
    """Ids [rows, longest] on the device, filled up on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows], device=device)


def _shorten(row: list[int], length: int) -> list[int]:
    """At most `length` ids; the last one, which ends the text, stays."""
    return row if len(row) <= length else [*row[: length - 1], row[-1]]


def _cut(rows: list[list[int]], longest: int) -> list[list[int]]:
    long = sum(len(row) > longest for row in rows)
    if long:
        _log.warning("%d sources have more than %d tokens and were cut", long, longest)
    return [_shorten(row, longest) for row in rows]


def _decoder_start(config: Any) -> int:
    start = config.decoder_start_token_id
    return int(config.bos_token_id if start is None else start)


def _eos(config: Any, tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id if config.eos_token_id is None else config.eos_token_id)


def prepare(spec: ModelSpec, device: str) -> EncoderDecoder:
    """The model of `spec`; `config` may have path, family and precision, see `hub.load_model`."""
    unknown = set(spec.config) - {"path", "family", "precision"}
    if unknown:
        raise InputError(
            f"the config of {spec.model_id} has {', '.join(sorted(unknown))}; "
            "an encoder-decoder has path, family and precision"
        )
    return EncoderDecoder(spec, device)
