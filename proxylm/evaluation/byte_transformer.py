"""A small Transformer classifier trained from scratch on raw bytes: the cheapest proxy there is.

No tokeniser and no pre-training, so every language starts equal and a training takes seconds on
one core. A convolution over five bytes comes before the encoder layers and takes the length to a
third. It knows no corpora, keys or scores.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from proxylm.errors import InputError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training

MAX_BYTES = 128
"""Bytes of an utterance that are read; voice commands rarely have more."""

_PADDING = 256
_STRIDE = 3  # of the convolution: the encoder layers see a third of the length
_DROPOUT = 0.1
_WARMUP = 0.1  # share of the steps in which the learning rate rises
_CLASSIFY_BATCH = 128

_log = logging.getLogger(__name__)


class ByteTransformer:
    """A model of one size, ready to be trained any number of times."""

    def __init__(self, name: str, layers: int, width: int, device: str) -> None:
        self.device = device
        self._name = name
        self._layers = layers
        self._width = width

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing to share between jobs."""

    def settle(self) -> float:
        """No work is shared: 0 seconds."""
        return 0.0

    def untrained(self, recipe: Mapping[str, Any]) -> "ByteClassifier":
        """Refused: a network of random weights knows nothing."""
        raise InputError(f"{self._name} has to be trained: give it the mode from_scratch")

    def fit(self, training: Training) -> "ByteClassifier":
        """A classifier trained with AdamW, warm-up and linear decay; equal seeds, equal weights.

        The recipe names `epochs`, `learning_rate` and `batch_size`. The dev lines are not used:
        the number of epochs is fixed, so that the cost is known beforehand. It is over in
        seconds, so it leaves no checkpoints.
        """
        train, labels, recipe = training.train, training.labels, training.recipe
        missing = {"epochs", "learning_rate", "batch_size"} - set(recipe)
        if missing:
            raise InputError(f"the recipe of a byte-transformer lacks {', '.join(sorted(missing))}")
        epochs, batch_size = int(recipe["epochs"]), int(recipe["batch_size"])
        number = {label: i for i, label in enumerate(labels)}
        targets = torch.tensor([number[label] for label in train.labels])
        n_bytes = sum(map(_length, train.texts))

        with torch.random.fork_rng(devices=[self.device] if self.device != "cpu" else []):
            torch.manual_seed(training.seed)
            network = _Network(self._layers, self._width, len(labels)).to(self.device)
            network.train()
            optimizer = torch.optim.AdamW(
                network.parameters(),
                lr=float(recipe["learning_rate"]),
                weight_decay=0.01,
                fused=True,
            )
            steps_an_epoch = math.ceil(len(train) / batch_size)
            schedule = torch.optim.lr_scheduler.LambdaLR(
                optimizer, lambda step: _learning_rate_factor(step, epochs * steps_an_epoch)
            )
            for epoch in range(1, epochs + 1):
                total = 0.0
                for rows in _batches_of_similar_length(train.texts, batch_size):
                    logits = network(_tensor([train.texts[i] for i in rows]).to(self.device))
                    loss = nn.functional.cross_entropy(logits, targets[rows].to(self.device))
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimizer.step()
                    schedule.step()
                    total += float(loss.detach()) * len(rows)
                loss_of_epoch = total / len(train)
                _log.info("epoch %d loss %.4f", epoch, loss_of_epoch)
                training.log.curve.append(
                    {"step": epoch * steps_an_epoch, "epoch": epoch, "loss": loss_of_epoch}
                )
                training.log.tokens += n_bytes
        return ByteClassifier(network, labels, self.device)

    def load(self, folder: Path) -> "ByteClassifier":
        """The classifier that `ByteClassifier.save` wrote into `folder`."""
        labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
        network = _Network(self._layers, self._width, len(labels))
        network.load_state_dict(load_file(folder / "model.safetensors"))
        return ByteClassifier(network.to(self.device), labels, self.device)


class ByteClassifier:
    """A trained network and the names of its classes."""

    def __init__(self, network: "_Network", labels: tuple[str, ...], device: str) -> None:
        self._network = network.eval()
        self._labels = labels
        self._device = device

    def answer(self, query: Query) -> Answers:
        """The likeliest label of each text; its tokens are the bytes that were read."""
        texts = query.texts
        order = sorted(range(len(texts)), key=lambda i: len(texts[i].encode()))
        found = [""] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), _CLASSIFY_BATCH):
                rows = order[start : start + _CLASSIFY_BATCH]
                logits = self._network(_tensor([texts[i] for i in rows]).to(self._device))
                for i, best in zip(rows, logits.argmax(dim=1).tolist(), strict=True):
                    found[i] = self._labels[best]
        return Answers(found, tokens_in=sum(map(_length, texts)), tokens_out=None)

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `labels.json` into `folder`."""
        state = {name: tensor.cpu() for name, tensor in self._network.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        (folder / "labels.json").write_text(
            json.dumps(self._labels, ensure_ascii=False), encoding="utf-8"
        )

    def release(self) -> None:
        """Drop the network."""
        del self._network


class _Network(nn.Module):
    """Bytes -> convolution (width 5, stride 3) -> encoder layers -> mean and maximum -> labels."""

    def __init__(self, layers: int, width: int, n_labels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_PADDING + 1, width, padding_idx=_PADDING)
        self.convolution = nn.Conv1d(width, width, kernel_size=5, stride=_STRIDE, padding=2)
        self.position = nn.Parameter(torch.randn(math.ceil(MAX_BYTES / _STRIDE), width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                nhead=max(1, width // 32),
                dim_feedforward=2 * width,
                dropout=_DROPOUT,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(2 * width, n_labels)

    def forward(self, data: Tensor) -> Tensor:
        """Logits [batch, labels] of byte numbers [batch, length]."""
        hidden = self.convolution(self.embedding(data).transpose(1, 2)).transpose(1, 2)
        hidden = nn.functional.gelu(hidden) + self.position[: hidden.shape[1]]
        padding = (data == _PADDING)[:, ::_STRIDE]
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=padding)
        hidden = self.norm(hidden)
        mask = padding.unsqueeze(-1)
        mean = hidden.masked_fill(mask, 0.0).sum(dim=1) / (~mask).sum(dim=1)
        peak = hidden.masked_fill(mask, -torch.inf).amax(dim=1)
        return torch.as_tensor(self.head(torch.cat([mean, peak], dim=1)))


def prepare(spec: ModelSpec, device: str) -> ByteTransformer:
    """The model of `spec.config`: `layers` and `width`, a multiple of 32."""
    try:
        layers, width = int(spec.config["layers"]), int(spec.config["width"])
    except KeyError as error:
        raise InputError(
            f"the config of {spec.model_id} lacks {error.args[0]}: a byte-transformer needs "
            "layers and width"
        ) from error
    if layers < 1 or width < 32 or width % 32:
        raise InputError(
            f"the config of {spec.model_id} has layers {layers}, width {width}: layers must be at "
            "least 1 and width a multiple of 32"
        )
    return ByteTransformer(spec.model_id, layers, width, device)


def _length(text: str) -> int:
    """Bytes of a text that are read."""
    return min(len(text.encode()), MAX_BYTES)


def _tensor(texts: Sequence[str]) -> Tensor:
    """Byte numbers [batch, longest], padded."""
    rows = [list(text.encode()[:MAX_BYTES]) for text in texts]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [_PADDING] * (longest - len(row)) for row in rows])


def _batches_of_similar_length(texts: Sequence[str], size: int) -> Iterator[list[int]]:
    """Every row once, in random batches of similar length: short ones are cheap that way.

    Draws from torch's generator, which the caller has seeded.
    """
    noise = torch.rand(len(texts)).tolist()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i].encode()) * (0.8 + 0.4 * noise[i]))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    for index in torch.randperm(len(batches)).tolist():
        yield batches[index]


def _learning_rate_factor(step: int, n_steps: int) -> float:
    warmup = max(1, int(_WARMUP * n_steps))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (n_steps - step) / max(1, n_steps - warmup))
