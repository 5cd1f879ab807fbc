"""The files that a job leaves below HOME/runs/<training key>/: weights, outputs, curve and log.

Each is there whole or not at all. This module knows no models beyond `save` and `load`.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from proxylm.corpora import Labelled
from proxylm.evaluation.contract import PreparedModel, TrainedModel
from proxylm.landing import write_atomically

_log = logging.getLogger("proxylm.evaluation")

_MANIFEST = "manifest.json"
_HYPOTHESES = pa.schema(
    [
        ("evaluation_key", pa.string()),
        ("segment", pa.int64()),
        ("source", pa.string()),
        ("hypothesis", pa.string()),
        ("reference", pa.string()),
    ]
)


def save_weights(trained: TrainedModel, folder: Path) -> None:
    """Write `weights/` beside a manifest of hashes and rename it into place: all or nothing."""
    temporary = folder / f".weights-{os.getpid()}.tmp"
    final = folder / "weights"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        trained.save(temporary)
        write_atomically(
            temporary / _MANIFEST, json.dumps(_file_hashes(temporary), sort_keys=True).encode()
        )
        shutil.rmtree(final, ignore_errors=True)  # there, but not complete: see load_weights
        temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_weights(model: PreparedModel, folder: Path) -> TrainedModel | None:
    """The trained model, or None unless every file is there with the hash of the manifest."""
    if not folder.exists():
        return None
    manifest = folder / _MANIFEST
    try:
        complete = json.loads(manifest.read_text(encoding="utf-8")) == _file_hashes(folder)
    except (OSError, ValueError):
        complete = False
    if not complete:
        _log.warning("%s is not complete: training again", folder)
        return None
    return model.load(folder)


class Said(NamedTuple):
    """The answers to one test part."""

    evaluation_key: str
    lines: Labelled
    hypotheses: Sequence[str]


def write_hypotheses(said: Sequence[Said], folder: Path) -> Path:
    """Keep what was generated, all parts of a job in one file named by its content.

    Columns: evaluation_key, segment (from 0), source, hypothesis, reference.
    """
    columns: dict[str, list[str | int]] = {name: [] for name in _HYPOTHESES.names}
    for one in said:
        columns["evaluation_key"] += [one.evaluation_key] * len(one.lines)
        columns["segment"] += range(len(one.lines))
        columns["source"] += one.lines.texts
        columns["hypothesis"] += one.hypotheses
        columns["reference"] += one.lines.labels
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, _HYPOTHESES), sink, compression="zstd")
    data = sink.getvalue()
    path = folder / f"hypotheses-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
    write_atomically(path, memoryview(data))
    return path


def write_curve(curve: Sequence[Mapping[str, float]], path: Path) -> None:
    """A training's curve as JSON lines, a row an epoch."""
    write_atomically(path, "".join(f"{json.dumps(row)}\n" for row in curve).encode())


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """What the engine and the kinds log goes to the file, too, while the context lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = _log.level
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    try:
        yield
    finally:
        _log.setLevel(level)
        _log.removeHandler(handler)
        handler.close()


def _file_hashes(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != _MANIFEST
    }
