"""A translation Transformer trained from scratch, as the paper's cheapest proxy.

The paper's has 6 + 6 layers of width 512; `config` makes smaller ones for a CPU. The byte-pair
encoding is learnt from the training pairs, both sides together, with min(lines // 2, 10000)
pieces (ProxyLM, appendix). It knows no corpora, keys or scores.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from proxylm.errors import InputError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.encoder_decoder import Translator, fit_pairs
from proxylm.evaluation.families import Marian
from proxylm.evaluation.shared_base import SharedBase
from proxylm.evaluation.training import Recipe

MAX_PIECES = 10_000
_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"
_FIELDS = {"layers": 6, "width": 512, "heads": 8, "feed_forward": 2048, "dropout": 0.1}
_POSITIONS = 1024


class ScratchTransformer:
    """A size, ready to be trained any number of times."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        unknown = set(spec.config) - set(_FIELDS)
        if unknown:
            raise InputError(
                f"the config of {spec.model_id} has {', '.join(sorted(unknown))}; "
                f"a transformer has {', '.join(_FIELDS)}"
            )
        self.device = device
        self._name = spec.model_id
        self._size: dict[str, Any] = {**_FIELDS, **spec.config}
        if self._size["width"] % self._size["heads"]:
            raise InputError(f"the config of {spec.model_id}: width is a multiple of heads")

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing to share between jobs."""

    def settle(self) -> float:
        """No work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "ScratchTranslator":
        """Refused: without training there is not even a vocabulary."""
        raise InputError(f"{self._name} has to be trained: give it the mode from_scratch")

    def fit(self, training: Training) -> "ScratchTranslator":
        """Learn the pieces and the network from the training pairs."""
        recipe = Recipe.of(training.recipe)
        if recipe.lora is not None:
            raise InputError(f"recipe {recipe.name} has lora; there is no base to adapt here")
        tokenizer = learn_pieces([*training.train.texts, *training.train.labels])
        with torch.random.fork_rng():
            torch.manual_seed(training.seed)
            model = self._network(len(tokenizer))
        fit_pairs(model, Marian(tokenizer, self._name), training, recipe, self.device)
        return ScratchTranslator(model, tokenizer, self._name, self.device)

    def load(self, folder: Path) -> "ScratchTranslator":
        """The translator that `ScratchTranslator.save` wrote into `folder`."""
        tokenizer = _wrapped(Tokenizer.from_file(str(folder / "tokenizer.json")))
        model = self._network(len(tokenizer))
        load_model(model, folder / "model.safetensors")
        return ScratchTranslator(model, tokenizer, self._name, self.device)

    def _network(self, n_pieces: int) -> Any:
        size = self._size
        config = MarianConfig(
            vocab_size=n_pieces,
            d_model=size["width"],
            encoder_layers=size["layers"],
            decoder_layers=size["layers"],
            encoder_attention_heads=size["heads"],
            decoder_attention_heads=size["heads"],
            encoder_ffn_dim=size["feed_forward"],
            decoder_ffn_dim=size["feed_forward"],
            dropout=size["dropout"],
            activation_function="relu",
            scale_embedding=True,
            max_position_embeddings=_POSITIONS,
            pad_token_id=n_pieces - 1,
            eos_token_id=0,
            decoder_start_token_id=n_pieces - 1,
            forced_eos_token_id=None,
        )
        return MarianMTModel(config).to(self.device)


class ScratchTranslator:
    """A trained network and its pieces."""

    def __init__(self, model: Any, tokenizer: Any, name: str, device: str) -> None:
        self._model = model.eval()
        self._tokenizer = tokenizer
        family = Marian(tokenizer, name)
        self._translator = Translator(SharedBase(model).plain(), family, device, {})

    def answer(self, query: Query) -> Answers:
        """Translations, see `Translator.answer`."""
        return self._translator.answer(query)

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `tokenizer.json`."""
        save_model(self._model, str(folder / "model.safetensors"))
        text = self._tokenizer.backend_tokenizer.to_str()
        (folder / "tokenizer.json").write_text(json.dumps(json.loads(text)), encoding="utf-8")

    def release(self) -> None:
        """Free the network."""
        self._translator.release()
        del self._model


def learn_pieces(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-pair encoding of the texts; two texts (a pair) count as one line."""
    tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    n_pieces = min(len(texts) // 2 // 2, MAX_PIECES)
    trainer = trainers.BpeTrainer(
        # The alphabet alone may have more pieces than a small corpus is to get.
        vocab_size=max(n_pieces, 200),
        special_tokens=[_END, _UNKNOWN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([_PAD])  # last, as in every Marian vocabulary
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, tokenizer.token_to_id(_END))]
    )
    return _wrapped(tokenizer)


def _wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=_PAD, eos_token=_END, unk_token=_UNKNOWN
    )


def prepare(spec: ModelSpec, device: str) -> ScratchTransformer:
    """The size of `spec.config`: layers, width, heads, feed_forward and dropout."""
    return ScratchTransformer(spec, device)
