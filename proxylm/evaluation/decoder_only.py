"""Decoder-only language models: SmolLM, BLOOMZ, Llama, Aya, Qwen.

Trained in full or with LoRA on prompts and answers; how they answer is in `decoder_answers.py`.
It knows no corpora, keys or scores.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.decoder_answers import Asked, intents, tags, translations
from proxylm.evaluation.hub import load_model, load_tokenizer
from proxylm.evaluation.precision import autocast, dtype_of
from proxylm.evaluation.prompting import Prompts
from proxylm.evaluation.shared_base import SharedBase, Variant
from proxylm.evaluation.training import Objective, Recipe, train

_CONTEXT = 2048  # tokens, of models whose configuration does not say (BLOOM was trained on these)
_IGNORED = -100  # target without a loss
_ANSWERS: Mapping[str, Callable[[Asked], Answers]] = {
    "intent": intents,
    "slot": tags,
    "mt": translations,
}


class DecoderOnly:
    """A base model in memory, and its tokeniser."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        from transformers import AutoModelForCausalLM

        self.device = device
        self.tokenizer = load_tokenizer(spec)
        if self.tokenizer.eos_token_id is None:
            raise InputError(
                f"{spec.model_id}: the tokeniser has no end-of-text token (eos_token); "
                "without it the model cannot end an answer"
            )
        model = load_model(AutoModelForCausalLM, spec, device)
        self.weights: torch.dtype = model.dtype
        self.context: int = getattr(
            model.config.get_text_config(), "max_position_embeddings", _CONTEXT
        )
        self._base = SharedBase(model)

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing is shared between jobs but the base itself."""

    def settle(self) -> float:
        """No timed work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "LanguageModel":
        """The base model as it was published, asked with the recipe's prompt or the default one."""
        return LanguageModel(self, self._base.plain(), recipe.get("prompt"), is_trained=False)

    def fit(self, training: Training) -> "LanguageModel":
        """Fine-tune on prompts and answers; see `training.Recipe` for the fields of the recipe.

        The loss is on the answers alone: label or translation with the end of the text, or tags.
        """
        recipe = Recipe.of(training.recipe)
        examples = self._examples(training.train, training, recipe)
        dev = self._examples(training.dev, training, recipe) if training.dev else None
        with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
            torch.manual_seed(training.seed)
            name = f"k{training.checkpoint.parent.name[:16]}"
            variant = self._base.new(name, recipe.lora)
        with variant.active() as model:
            train(
                model,
                _objective(model, examples, recipe.label_smoothing),
                _objective(model, dev, 0.0) if dev else None,
                training,
                recipe,
                self.device,
            )
        return LanguageModel(self, variant, recipe.prompt)

    def load(self, folder: Path) -> "LanguageModel":
        """The model that `LanguageModel.save` wrote into `folder`."""
        prompt = json.loads((folder / "prompt.json").read_text(encoding="utf-8"))["prompt"]
        variant = self._base.load(f"k{folder.parent.name[:16]}", folder)
        return LanguageModel(self, variant, prompt)

    @cached_property
    def line_ends(self) -> frozenset[int]:
        """Tokens that end an answer of one line: the end of the text, and all with line breaks."""
        tokens = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        breaks = {i for i, text in enumerate(tokens) if "\n" in text}
        return frozenset(breaks | {self.tokenizer.eos_token_id})

    def _examples(self, lines: Labelled, training: Training, recipe: Recipe) -> list["_Example"]:
        """Prompts and answers, each cut to the recipe's `max_tokens` and half the context."""
        prompts = Prompts(self.tokenizer, training.task, recipe.prompt)
        size = min(recipe.max_tokens, self.context // 2)
        texts, answers = list(lines.texts), []
        for i, label in enumerate(lines.labels):
            if training.task == "slot":
                answers.append(_tagged(prompts, texts[i], label, size))
                texts[i] = " ".join(texts[i].split(" ")[: len(answers[i]) // 2])
            else:
                ids = [*prompts.answer(label), self.tokenizer.eos_token_id]
                answers.append([[], ids[:size]])
        rows = prompts.of(
            texts,
            training.source_lang,
            training.target_lang,
            training.labels,
            limit=self.context - max(sum(map(len, answer)) for answer in answers),
            text_limit=size,
        )
        return [_example(row, answer) for row, answer in zip(rows, answers, strict=True)]


class LanguageModel:
    """A model with weights of its own, or the base as it is, and the prompt it is asked with."""

    def __init__(
        self, owner: DecoderOnly, variant: Variant, prompt: str | None, is_trained: bool = True
    ) -> None:
        self._owner = owner
        self._variant = variant
        self._prompt = prompt
        self._is_trained = is_trained

    def answer(self, query: Query) -> Answers:
        """Labels, tags or translations, the same whatever texts share a batch.

        A text that does not fit into the model's context loses its end, which the log says; for
        slot, where each word needs its tag, it is refused.
        """
        owner, precision = self._owner, query.inference.precision
        if owner.weights not in (torch.float32, dtype_of(precision)):
            raise InputError(
                f"the weights are kept in {owner.weights}, so that precision {precision} would "
                "not be true: load them in fp32, or ask for their precision"
            )
        computing = autocast(owner.device, precision)
        prompts = Prompts(owner.tokenizer, query.task, self._prompt)
        with torch.inference_mode(), self._variant.active() as model, computing:
            asked = Asked(
                model,
                owner.tokenizer,
                prompts,
                query,
                context=owner.context,
                is_trained=self._is_trained,
                line_ends=lambda: owner.line_ends,
            )
            return _ANSWERS[query.task](asked)

    def save(self, folder: Path) -> None:
        """Write the weights and `prompt.json`."""
        self._variant.save(folder)
        (folder / "prompt.json").write_text(json.dumps({"prompt": self._prompt}), encoding="utf-8")

    def release(self) -> None:
        """Free the weights; the base stays."""
        self._variant.release()


class _Example(NamedTuple):
    """Token ids to learn from, and at each place the id that is to be learnt or `_IGNORED`."""

    ids: list[int]
    targets: list[int]


def _example(prompt: list[int], answer: Sequence[list[int]]) -> _Example:
    """`answer` is pieces in turn: given, to be learnt, given, ..."""
    ids, targets = list(prompt), [_IGNORED] * len(prompt)
    for number, piece in enumerate(answer):
        ids += piece
        targets += piece if number % 2 else [_IGNORED] * len(piece)
    return _Example(ids, targets)


def _tagged(prompts: Prompts, text: str, label: str, size: int) -> list[list[int]]:
    """Words and tags in turn, as many as fit into `size` tokens and at least one."""
    words, names = text.split(" "), label.split(" ")
    if len(words) != len(names):
        raise InputError(f"{text!r} has {len(words)} words and {len(names)} tags: {label!r}")
    pairs = [[prompts.word(w), prompts.tag(t)] for w, t in zip(words, names, strict=True)]
    lengths = accumulate(len(word) + len(tag) for word, tag in pairs)
    n = max(1, sum(length <= size for length in lengths))
    return [piece for pair in pairs[:n] for piece in pair]


def _objective(model: nn.Module, examples: list[_Example], label_smoothing: float) -> Objective:
    device = next(model.parameters()).device
    answers = [sum(t != _IGNORED for t in example.targets) for example in examples]

    def loss(rows: list[int]) -> Tensor:
        chosen = [examples[i] for i in rows]
        longest = max(len(example.ids) for example in chosen)
        padding = [longest - len(example.ids) for example in chosen]
        pairs = list(zip(chosen, padding, strict=True))
        ids = torch.tensor([e.ids + [0] * n for e, n in pairs], device=device)
        mask = torch.tensor([[1] * len(e.ids) + [0] * n for e, n in pairs], device=device)
        targets = torch.tensor([e.targets + [_IGNORED] * n for e, n in pairs], device=device)
        # The vocabulary is wide: expectations are computed from the first answer's start only.
        first = int((targets != _IGNORED).any(0).int().argmax())
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            use_cache=False,
            logits_to_keep=longest - first + 1,
        ).logits
        return nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(),
            targets[:, first:].flatten(),
            ignore_index=_IGNORED,
            label_smoothing=label_smoothing,
            reduction="sum",
        )

    return Objective([len(example.ids) for example in examples], answers, loss)


def prepare(spec: ModelSpec, device: str) -> DecoderOnly:
    """The model of `spec`; `config` may have path, file and precision, see `hub.load_model`."""
    unknown = set(spec.config) - {"path", "file", "precision"}
    if unknown:
        raise InputError(
            f"the config of {spec.model_id} has {', '.join(sorted(unknown))}; "
            "a decoder-only model has path, file and precision"
        )
    return DecoderOnly(spec, device)
