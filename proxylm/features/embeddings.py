"""Sentence embeddings: one small interface, and a store that keeps each sentence's vector.

An encoder is anything that turns sentences into vectors and can say what it is; the ones that come
with the program are in `proxylm/evaluation/sentence_encoder.py`. This module knows no model.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.spatial.distance import cosine

from proxylm.landing import write_atomically

STORE_BYTES = 128 << 20
"""What the vectors of one encoder may take on disk and in memory; beyond it the oldest go."""

Vector = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns sentences into vectors."""

    @property
    def signature(self) -> str:
        """What could change a vector: model, revision, how tokens are put together."""

    @property
    def sample_lines(self) -> int:
        """Of a text, as many of its first lines are encoded."""

    def encode(self, texts: Sequence[str]) -> Vector:
        """One row a text, float32. Called with distinct texts."""


class StoredEncoder:
    """An encoder that has what it encoded before from a file, by the hash of the text."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.signature = encoder.signature
        self.sample_lines = encoder.sample_lines
        self._encoder = encoder
        name = hashlib.sha256(encoder.signature.encode()).hexdigest()[:16]
        self._path = folder / f"{name}.parquet"
        self._vectors: dict[bytes, Vector] | None = None  # oldest first
        self._changed = False

    def mean(self, lines: Sequence[str]) -> Vector | None:
        """Mean vector of the first `sample_lines` lines that are not blank; None without any."""
        sample = [line for line in lines if line.strip()][: self.sample_lines]
        if not sample:
            return None
        known = self._stored()
        keys = [hashlib.sha256(line.encode()).digest()[:16] for line in sample]
        missing = {key: line for key, line in zip(keys, sample, strict=True) if key not in known}
        if missing:
            found = self._encoder.encode(list(missing.values()))
            known.update(zip(missing, np.asarray(found, np.float32), strict=True))
            self._changed = True
        return np.asarray(np.mean([known[key] for key in keys], axis=0), np.float32)

    def save(self) -> None:
        """Write the store, if there is anything new in it."""
        if not (self._changed and self._vectors):
            return
        dimension = len(next(iter(self._vectors.values())))
        kept = list(self._vectors.items())[-(STORE_BYTES // (4 * dimension)) :]
        flat = pa.array(np.concatenate([vector for _, vector in kept]))
        table = pa.table(
            {
                "text": pa.array([key for key, _ in kept], pa.binary(16)),
                "vector": pa.FixedSizeListArray.from_arrays(flat, dimension),
            }
        ).replace_schema_metadata({"signature": self.signature})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._path, memoryview(sink.getvalue()))
        self._changed = False

    def _stored(self) -> dict[bytes, Vector]:
        if self._vectors is None:
            self._vectors = {}
            try:
                table = pq.read_table(self._path)
                vectors = table["vector"].combine_chunks()
                rows = vectors.flatten().to_numpy().reshape(len(vectors), -1)
                self._vectors = dict(zip(table["text"].to_pylist(), rows, strict=True))
            except (FileNotFoundError, pa.ArrowException, KeyError, ValueError, OSError):
                pass  # what the file had is encoded again, and written at the next `save`
        return self._vectors


def distance(one: Vector, other: Vector) -> float:
    """Cosine distance of two mean vectors, 0 to 2."""
    return max(0.0, float(cosine(one.astype(np.float64), other.astype(np.float64))))
