"""Encoders with a linear head for intents and slots: XLM-R, mBERT, mDeBERTa, E5, or from scratch.

An intent is read from the mean of all pieces' vectors, a slot tag from the vector of a word's first
piece. The mean, and not the first piece, because it serves every encoder: E5 was trained with it,
and the first piece of XLM-R learnt nothing about the sentence before fine-tuning, which shows
where the encoder is frozen. A training has a head of its own; the encoder is trained in full, with
LoRA, or not at all. This module knows no corpora, keys or scores.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_model, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation import hub
from proxylm.evaluation.batching import run_batches
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.precision import autocast
from proxylm.evaluation.shared_base import SharedBase, Variant
from proxylm.evaluation.training import Objective, Recipe, train

TOKEN_BUDGET = {"cpu": 4096, "cuda": 65536}
"""Padded tokens of one batch, by type of device; halved where too many."""

_OUTSIDE = "O"
_DROPOUT = 0.1  # before the head
_PRETRAINED_FIELDS = {"path", "frozen"}
_SCRATCH_FIELDS = {"layers", "width", "heads", "vocabulary"}
_SCRATCH_POSITIONS = 512
_log = logging.getLogger(__name__)


class PretrainedEncoder:
    """An encoder in memory, its tokeniser, and the trained variants of it."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        from transformers import AutoModel
        from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

        self.device = device
        self._name = spec.model_id
        self._frozen = bool(spec.config.get("frozen", False))
        family = hub.model_type(spec)
        if family not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
            raise InputError(
                f"{spec.model_id} is a {family} model, which is not an encoder; an encoder-head "
                "takes one that was trained on masked text, such as xlm-roberta or bert"
            )
        # Words come one by one for slots: each begins as it does in running text.
        self._tokenizer = hub.load_tokenizer(spec, add_prefix_space=True)
        if not self._tokenizer.is_fast or self._tokenizer.pad_token_id is None:
            raise InputError(
                f"{spec.model_id} has no tokeniser that knows words and padding; an encoder-head "
                "needs a folder with tokenizer.json"
            )
        model = hub.load_model(AutoModel, spec, device)
        if model.config.is_encoder_decoder:
            raise InputError(f"{spec.model_id} is a {family} model, which has a decoder too")
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # not used here: it would be saved and never trained
        self._longest = min(_positions(model), self._tokenizer.model_max_length)
        self._base = SharedBase(model)

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing is shared between jobs but the encoder itself."""

    def settle(self) -> float:
        """No timed work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "HeadedEncoder":
        """Refused: without a head there are no labels."""
        raise InputError(f"{self._name} has to be trained: give it the mode fine_tuned")

    def fit(self, training: Training) -> "HeadedEncoder":
        """Train a head, and the encoder unless it is frozen; for the recipe see `training.Recipe`.

        Raises InputError for training lines without anything to learn.
        """
        recipe = Recipe.of(training.recipe)
        if self._frozen and recipe.lora is not None:
            raise InputError(f"{self._name} is frozen, but recipe {recipe.name} has lora")
        _check(training)
        with _seeded(training.seed, self.device):
            if self._frozen:
                variant = self._base.plain()
            else:
                variant = self._base.new(_variant_name(training.checkpoint), recipe.lora)
            with variant.active() as encoder:
                head = _new_head(encoder, training.labels, self.device)
        what = _Reading(
            training.task, training.labels, min(recipe.max_tokens, self._longest), self._frozen
        )
        headed = HeadedEncoder(variant, head, self._tokenizer, what, self.device)
        headed.learn(training, recipe)
        return headed

    def load(self, folder: Path) -> "HeadedEncoder":
        """The model that `HeadedEncoder.save` wrote into `folder`."""
        what = _Reading.read(folder)
        variant = (
            self._base.plain() if what.frozen else self._base.load(_variant_name(folder), folder)
        )
        with variant.active() as encoder:
            head = _load_head(encoder, what, folder, self.device)
        return HeadedEncoder(variant, head, self._tokenizer, what, self.device)


class ScratchEncoder:
    """A size; pieces and network are learnt anew in each training."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self.device = device
        self._name = spec.model_id
        self._size = {field: int(spec.config[field]) for field in sorted(_SCRATCH_FIELDS)}
        if min(self._size.values()) < 1 or self._size["width"] % self._size["heads"]:
            raise InputError(
                f"the config of {spec.model_id} is {self._size}: all are at least 1, and width is "
                "a multiple of heads"
            )

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing to share between jobs."""

    def settle(self) -> float:
        """No work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "HeadedEncoder":
        """Refused: without training there is not even a vocabulary."""
        raise InputError(f"{self._name} has to be trained: give it the mode from_scratch")

    def fit(self, training: Training) -> "HeadedEncoder":
        """Learn the pieces from the training texts, then the network; see `PretrainedEncoder`."""
        recipe = Recipe.of(training.recipe)
        if recipe.lora is not None:
            raise InputError(f"recipe {recipe.name} has lora; there is no base to adapt here")
        _check(training)
        tokenizer = learn_pieces(training.train.texts, self._size["vocabulary"])
        with _seeded(training.seed, self.device):
            encoder = self._network(len(tokenizer))
            head = _new_head(encoder, training.labels, self.device)
        longest = min(recipe.max_tokens, _SCRATCH_POSITIONS)
        what = _Reading(training.task, training.labels, longest, frozen=False)
        headed = HeadedEncoder(
            SharedBase(encoder).plain(), head, tokenizer, what, self.device, keeps_pieces=True
        )
        headed.learn(training, recipe)
        return headed

    def load(self, folder: Path) -> "HeadedEncoder":
        """The model that `HeadedEncoder.save` wrote into `folder`."""
        what = _Reading.read(folder)
        tokenizer = _wrapped(Tokenizer.from_file(str(folder / "tokenizer.json")))
        encoder = self._network(len(tokenizer))
        variant = SharedBase(encoder).load("", folder)
        head = _load_head(encoder, what, folder, self.device)
        return HeadedEncoder(variant, head, tokenizer, what, self.device, keeps_pieces=True)

    def _network(self, n_pieces: int) -> Any:
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=n_pieces,
            hidden_size=self._size["width"],
            num_hidden_layers=self._size["layers"],
            num_attention_heads=self._size["heads"],
            intermediate_size=4 * self._size["width"],
            max_position_embeddings=_SCRATCH_POSITIONS,
            pad_token_id=0,
        )
        return BertModel(config, add_pooling_layer=False).to(self.device)


class _Reading(NamedTuple):
    """How texts are read and what may be said of them."""

    task: str
    labels: tuple[str, ...]  # intents or tags, in the order of the head's outputs
    longest: int  # pieces of a text; what is beyond is not read
    frozen: bool

    @classmethod
    def read(cls, folder: Path) -> "_Reading":
        content = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        return cls(**{**content, "labels": tuple(content["labels"])})


class _Text(NamedTuple):
    """A text in pieces."""

    ids: list[int]
    words: list[int]  # slot: the words that have a piece, ...
    firsts: list[int]  # ... and where the first one of each is


class HeadedEncoder:
    """An encoder and the head that was trained on it."""

    def __init__(
        self,
        variant: Variant,
        head: nn.Linear,
        tokenizer: Any,
        reading: _Reading,
        device: str,
        keeps_pieces: bool = False,
    ) -> None:
        self._variant = variant
        self._head = head
        self._tokenizer = tokenizer
        self._reading = reading
        self._device = device
        self._keeps_pieces = keeps_pieces  # the tokeniser belongs to these weights

    def learn(self, training: Training, recipe: Recipe) -> None:
        """Train in place; the dev lines decide when it ends, if the recipe has a patience."""
        with self._variant.active() as encoder:
            # A frozen encoder says the same in every epoch: it is asked once.
            make = self._objective_on_vectors if self._reading.frozen else self._objective
            network = _Network(None if self._reading.frozen else encoder, self._head)
            objective = make(encoder, network, training.train, recipe.label_smoothing)
            dev = make(encoder, network, training.dev, 0.0) if training.dev else None
            if dev is not None and not dev.items:
                dev = None  # the dev lines have none of the labels
            train(network, objective, dev, training, recipe, self._device)

    def answer(self, query: Query) -> Answers:
        """The likeliest label of each text, or one tag for each of its words.

        A word that has no piece, or that lies beyond the longest text, has tag O; the log says how
        many there are.
        """
        computing = autocast(self._device, query.inference.precision)
        slots = self._reading.task == "slot"
        labels = self._reading.labels
        texts = self._pieces(query.texts)
        tags = [[_OUTSIDE] * len(text.split(" ")) for text in query.texts]
        intents = [""] * len(texts)
        with torch.inference_mode(), self._variant.active() as encoder, computing:

            def run(rows: list[int]) -> None:
                chosen = [texts[i] for i in rows]
                logits = self._head(self._vectors(encoder, chosen))
                found = iter(logits.argmax(dim=1).tolist())
                for i in rows:
                    if not slots:
                        intents[i] = labels[next(found)]
                    for word in texts[i].words:
                        tags[i][word] = labels[next(found)]

            run_batches([len(text.ids) for text in texts], self._budget, run)
        return Answers(
            [" ".join(row) for row in tags] if slots else intents,
            tokens_in=sum(len(text.ids) for text in texts),
            tokens_out=None,
        )

    def save(self, folder: Path) -> None:
        """Write `head.safetensors`, `head.json` and, unless it is frozen, the encoder's weights.

        An encoder from scratch has its `tokenizer.json` beside them.
        """
        if not self._reading.frozen:
            self._variant.save(folder)
        state = {name: tensor.detach().cpu() for name, tensor in self._head.state_dict().items()}
        save_file(state, folder / "head.safetensors")
        content = json.dumps(self._reading._asdict(), ensure_ascii=False)
        (folder / "head.json").write_text(content, encoding="utf-8")
        if self._keeps_pieces:
            self._tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))

    def release(self) -> None:
        """Free the trained weights; a pre-trained encoder stays."""
        self._variant.release()
        del self._head

    @property
    def _budget(self) -> int:
        return TOKEN_BUDGET[torch.device(self._device).type]

    def _pieces(self, texts: Sequence[str]) -> list[_Text]:
        """The texts in pieces, cut to the longest that is read; the log says what was lost."""
        limit = {"truncation": True, "max_length": self._reading.longest}
        if self._reading.task != "slot":
            rows = self._tokenizer(list(texts), **limit)["input_ids"]
            return [_Text(ids, [], []) for ids in rows]
        split = [text.split(" ") for text in texts]
        encoded = self._tokenizer(split, is_split_into_words=True, **limit)
        found = []
        for row, ids in enumerate(encoded["input_ids"]):
            firsts: dict[int, int] = {}
            for position, word in enumerate(encoded.word_ids(row)):
                if word is not None:
                    firsts.setdefault(word, position)
            found.append(_Text(ids, list(firsts), list(firsts.values())))
        lost = sum(map(len, split)) - sum(len(text.words) for text in found)
        if lost:
            _log.warning("%d words have no piece or were cut off: their tag is O", lost)
        return found

    def _vectors(self, encoder: nn.Module, texts: Sequence[_Text]) -> Tensor:
        """What the head sees, [things to label, width]: one a text, or one a word that is read."""
        longest = max(len(text.ids) for text in texts)
        pad = self._tokenizer.pad_token_id
        ids = torch.tensor(
            [text.ids + [pad] * (longest - len(text.ids)) for text in texts], device=self._device
        )
        mask = torch.tensor(
            [[1] * len(text.ids) + [0] * (longest - len(text.ids)) for text in texts],
            device=self._device,
        )
        hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self._reading.task != "slot":
            weight = mask.unsqueeze(-1).float()
            return torch.as_tensor((hidden * weight).sum(dim=1) / weight.sum(dim=1))
        rows = [row for row, text in enumerate(texts) for _ in text.firsts]
        places = [place for text in texts for place in text.firsts]
        where = torch.tensor([rows, places], dtype=torch.long, device=self._device)
        return torch.as_tensor(hidden[where[0], where[1]])

    def _lines(self, lines: Labelled) -> tuple[list[_Text], list[list[int]]]:
        """Texts and the numbers of their labels; dev labels that the training lacks are left out.

        Raises InputError where a text has not as many tags as words.
        """
        number = {label: i for i, label in enumerate(self._reading.labels)}
        texts, targets = [], []
        for text, line, label in zip(
            self._pieces(lines.texts), lines.texts, lines.labels, strict=True
        ):
            if self._reading.task != "slot":
                known = [number[label]] if label in number else []
            else:
                tags = label.split(" ")
                n_words = len(line.split(" "))
                if len(tags) != n_words:
                    raise InputError(f"{line!r} has {n_words} words and {len(tags)} tags")
                pairs = zip(text.words, text.firsts, strict=True)
                kept = [(word, first) for word, first in pairs if tags[word] in number]
                text = _Text(text.ids, [word for word, _ in kept], [first for _, first in kept])
                known = [number[tags[word]] for word in text.words]
            if known:
                texts.append(text)
                targets.append(known)
        return texts, targets

    def _objective(
        self, encoder: nn.Module, network: "_Network", lines: Labelled, label_smoothing: float
    ) -> Objective:
        texts, targets = self._lines(lines)

        def loss(rows: list[int]) -> Tensor:
            logits = network(self._vectors(encoder, [texts[i] for i in rows]))
            return _cross_entropy(logits, [targets[i] for i in rows], label_smoothing)

        return Objective([len(text.ids) for text in texts], list(map(len, targets)), loss)

    def _objective_on_vectors(
        self, encoder: nn.Module, network: "_Network", lines: Labelled, label_smoothing: float
    ) -> Objective:
        """The same with the vectors that the encoder, which does not change, gives now."""
        texts, targets = self._lines(lines)
        vectors: list[Tensor] = [torch.empty(0)] * len(texts)
        lengths = [len(text.ids) for text in texts]

        def run(rows: list[int]) -> None:
            found = self._vectors(encoder, [texts[i] for i in rows])
            for i, of_text in zip(
                rows, torch.split(found, [len(targets[i]) for i in rows]), strict=True
            ):
                vectors[i] = of_text

        with torch.no_grad():
            encoder.eval()
            run_batches(lengths, self._budget, run)

        def loss(rows: list[int]) -> Tensor:
            logits = network(torch.cat([vectors[i] for i in rows]))
            return _cross_entropy(logits, [targets[i] for i in rows], label_smoothing)

        return Objective(lengths, list(map(len, targets)), loss)


class _Network(nn.Module):
    """What is trained: the head, with the encoder unless that is frozen."""

    def __init__(self, encoder: Any, head: nn.Linear) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(_DROPOUT)
        self.head = head

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits [things, labels] of vectors [things, width]."""
        return torch.as_tensor(self.head(self.dropout(vectors)))

    def gradient_checkpointing_enable(self, **options: Any) -> None:
        """As models of transformers have it: less memory, more time."""
        if self.encoder is not None:
            self.encoder.gradient_checkpointing_enable(**options)

    def enable_input_require_grads(self) -> None:
        """As models of transformers have it."""
        if self.encoder is not None:
            self.encoder.enable_input_require_grads()


def learn_pieces(texts: Sequence[str], vocabulary: int) -> Any:
    """A byte-pair encoding of the texts with so many pieces, or more if the alphabet has more.

    A word has the same pieces alone and in a sentence.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<pad>", "<unk>", "<s>"], show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return _wrapped(tokenizer)


def _wrapped(tokenizer: Tokenizer) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>"
    )


def _check(training: Training) -> None:
    if not training.train:
        raise InputError("there are no training lines")
    if len(training.labels) < 2:
        raise InputError("the training lines have one label only; there is nothing to learn")


def _cross_entropy(logits: Tensor, targets: list[list[int]], label_smoothing: float) -> Tensor:
    """Summed over all things labelled; `targets` by text."""
    numbers = torch.tensor([n for text in targets for n in text], device=logits.device)
    return nn.functional.cross_entropy(
        logits.float(), numbers, label_smoothing=label_smoothing, reduction="sum"
    )


def _new_head(encoder: Any, labels: Sequence[str], device: str) -> nn.Linear:
    head = nn.Linear(encoder.config.hidden_size, len(labels))
    nn.init.normal_(head.weight, std=0.02)  # as BERT's heads begin
    nn.init.zeros_(head.bias)
    return head.to(device)


def _load_head(encoder: Any, what: _Reading, folder: Path, device: str) -> nn.Linear:
    head = nn.Linear(encoder.config.hidden_size, len(what.labels))
    load_model(head, folder / "head.safetensors")
    return head.to(device)


def _positions(model: nn.Module) -> int:
    """Longest text in pieces that the position embeddings allow; very many where there are none."""
    sizes = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
    ]
    return min(sizes, default=1 << 20)


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Draws of torch inside depend on `seed` and change nothing outside."""
    with torch.random.fork_rng(devices=[device] if device != "cpu" else []):
        torch.manual_seed(seed)
        yield


def _variant_name(folder: Path) -> str:
    """One name a training, whatever else is on the base: a checkpoint is found by it."""
    return f"k{folder.parent.name[:16]}"


def prepare(spec: ModelSpec, device: str) -> PretrainedEncoder | ScratchEncoder:
    """The encoder of `spec.config`.

    Pre-trained: may have `path` (see `hub.load_model`) and `frozen` (default false: trained too).
    From scratch: layers, width, heads, vocabulary (number of pieces).
    """
    fields = set(spec.config)
    if not fields & _SCRATCH_FIELDS and fields <= _PRETRAINED_FIELDS:
        return PretrainedEncoder(spec, device)
    if fields == _SCRATCH_FIELDS:
        return ScratchEncoder(spec, device)
    raise InputError(
        f"the config of {spec.model_id} has {', '.join(sorted(fields))}; an encoder-head may have "
        f"{' and '.join(sorted(_PRETRAINED_FIELDS))}, or from scratch needs all of "
        f"{', '.join(sorted(_SCRATCH_FIELDS))}"
    )
