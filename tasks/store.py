"""The landing store: how batches and results travel between machines that share no home.

It is a folder or any address that fsspec knows, such as s3://bucket/plm. The owner of the warehouse
puts the texts there that a batch needs; a worker takes them and puts back what it made; the owner
collects that. A file has its name only once it is whole. Nothing here knows Prefect or models.

    texts/<fingerprint>.parquet      a split text
    runs/<training key>/...          weights, outputs, logs: names as below a home
    landing/<batch>/<hash>.parquet   landing files, by the batch that made them
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import fsspec
import pyarrow.parquet as pq
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs

from proxylm.corpora import read_sizes
from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.evaluation.contract import Batch, TextPart
from proxylm.identity import digest
from proxylm.landing import landed_evaluations, write_atomically
from tasks.waiting import patiently
from warehouse.home import Home

KEEP_SECONDS = 7 * 24 * 3600
"""How long a collected landing file stays: until then a batch that is tried again sees it."""

FETCH_SECONDS = 300.0
"""How long a worker waits for a store that is away before it begins a batch."""
DELIVER_SECONDS = 6 * 3600.0
"""How long it waits with what it has made: nothing else can be done without the store."""

_MANIFEST = "manifest.json"
_WHOLE_OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "az", "memory"}
"""Stores in which an object appears whole; elsewhere a file is renamed into place."""


class StoreAway(ProxyLMError):
    """The landing store cannot be reached, read or written."""


class Store:
    """The store at a folder or URL. Raises UsageError where fsspec cannot reach that kind.

    Methods raise StoreAway where it does not answer, or answers with an error.
    """

    def __init__(self, url: str) -> None:
        try:
            if url.startswith("s3://"):  # pyarrow brings its own client; s3fs would be one more
                s3, self._root = fs.FileSystem.from_uri(url)
                self._files: Any = ArrowFSWrapper(s3)
            else:
                self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(
                f"PLM_STORE is {url!r}: {error}; use a folder or a URL that fsspec knows, with the "
                "package it needs"
            ) from None
        protocol = self._files.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole = bool(names & _WHOLE_OBJECTS)

    @classmethod
    def from_environment(cls) -> "Store | None":
        """The store at PLM_STORE, or None where that is not set."""
        url = os.environ.get("PLM_STORE")
        return cls(url) if url else None

    def send(self, batch: Batch, home: Home) -> None:
        """Put what a worker needs for the batch: texts, and weights that are kept here."""
        for part in _texts(batch):
            name = f"texts/{part.fingerprint}.parquet"
            if not self._has(name):
                self._put(home.path / part.path, name)
        for key in {job.training_key for job in batch.jobs}:
            self._put_weights(home.runs / key)

    def fetch(self, batch: Batch, home: Home) -> None:
        """Take what the batch needs into a home, which may be empty.

        Raises InputError where a text is not in the store, or is another one than the plan names.
        """
        for part in _texts(batch):
            path = home.path / part.path
            if not path.exists():
                self._get(f"texts/{part.fingerprint}.parquet", path)
            if read_sizes(path).fingerprint != part.fingerprint:
                raise InputError(f"{part.path} is not the text that was planned; plan again")
        for key in {job.training_key for job in batch.jobs}:
            folder = f"runs/{key}/weights"
            if self._has(f"{folder}/{_MANIFEST}"):
                for name in self._names(folder):
                    self._get(f"{folder}/{name}", home.runs / key / "weights" / name)

    def landed(self, batch: Batch) -> set[str]:
        """Keys of the evaluations that earlier tries of the batch have left."""
        with tempfile.TemporaryDirectory() as folder:
            for name in self._names(_folder(batch)):
                self._get(f"{_folder(batch)}/{name}", Path(folder) / name)
            return landed_evaluations(Path(folder))

    def deliver(self, batch: Batch, home: Home) -> int:
        """Put what the batch has left in `home`; returns how many landing files were new.

        Landing files go last: what they speak of is there when they are. StoreAway, too, for a
        folder that no longer holds the batch's texts: then it is not mounted.
        """
        there = set(self._names(_folder(batch)))
        new = [path for path in sorted(home.incoming.glob("*.parquet")) if path.name not in there]
        if not new:
            return 0
        for part in _texts(batch)[:1]:
            if not self._has(f"texts/{part.fingerprint}.parquet"):
                raise StoreAway(
                    f"the store {self._root} has lost the texts of the batch: is it mounted?"
                )
        for job in batch.jobs:
            folder = home.runs / job.training_key
            kept = set(self._names(f"runs/{job.training_key}"))
            for path in sorted(folder.glob("*")):
                if path.is_file() and path.name not in kept and not path.name.startswith("."):
                    self._put(path, f"runs/{job.training_key}/{path.name}")
            self._put_weights(folder)
        for path in new:
            self._put(path, f"{_folder(batch)}/{path.name}")
        return len(new)

    def collect(self, home: Home) -> int:
        """Take new landing files, and the outputs and logs they name, into `landing/incoming`.

        Returns how many there were. Weights stay in the store.
        """
        known = {
            path.name
            for folder in (home.incoming, home.loaded, home.rejected)
            for path in folder.glob("*.parquet")
        }
        collected = 0
        for batch in self._names("landing"):
            for name in self._names(f"landing/{batch}"):
                address = f"landing/{batch}/{name}"
                if name in known:
                    self._remove_old(address)
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / name
                    self._get(address, path)
                    for kept in _names_files(path):
                        if self._has(kept) and not (home.path / kept).exists():
                            self._get(kept, home.path / kept)
                    write_atomically(home.incoming / name, path.read_bytes())
                collected += 1
        return collected

    def _put_weights(self, run: Path) -> None:
        """The manifest goes last: weights without it are not complete, and not used."""
        folder = run / "weights"
        if not (folder / _MANIFEST).exists() or self._has(f"runs/{run.name}/weights/{_MANIFEST}"):
            return
        for path in sorted(folder.iterdir(), key=lambda path: path.name == _MANIFEST):
            self._put(path, f"runs/{run.name}/weights/{path.name}")

    def _address(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Each kind of store has errors of its own; FileNotFoundError means the same in all."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            raise StoreAway(f"the store {self._root} cannot be used now: {error}") from error

    def _has(self, name: str) -> bool:
        with self._reached():
            return bool(self._files.exists(self._address(name)))

    def _names(self, folder: str) -> list[str]:
        """What lies in a folder of the store, sorted, without files that are being written."""
        address = self._address(folder)
        try:
            with self._reached():
                self._files.invalidate_cache()
                found = self._files.ls(address, detail=False)
        except FileNotFoundError:
            return []
        # A folder that appears while S3 is asked for its content is answered with itself.
        names = {PurePosixPath(path).name for path in found if path.rstrip("/") != address}
        return sorted(name for name in names if not name.endswith(".tmp"))

    def _put(self, path: Path, name: str) -> None:
        address = self._address(name)
        with self._reached():
            if self._whole:
                self._files.put_file(str(path), address)
                return
            self._files.makedirs(str(PurePosixPath(address).parent), exist_ok=True)
            temporary = f"{address}.{uuid4().hex}.tmp"
            self._files.put_file(str(path), temporary)
            self._files.mv(temporary, address)

    def _get(self, name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._reached():
                content: Any = self._files.cat_file(self._address(name))
        except FileNotFoundError:
            raise InputError(f"{name} is not in the store {self._root}; plan again") from None
        write_atomically(path, content)

    def _remove_old(self, name: str) -> None:
        with self._reached():
            made = self._files.modified(self._address(name))
            if time.time() - made.timestamp() > KEEP_SECONDS:
                self._files.rm_file(self._address(name))


def send_all(batches: list[Batch], home: str) -> str | None:
    """Put into PLM_STORE what workers need for the batches; returns its URL, None without one."""
    store = Store.from_environment()
    if store is None:
        return None
    for batch in batches:
        store.send(batch, Home.find(home))
    return os.environ["PLM_STORE"]


@contextmanager
def worker_home(batch: Batch, store: Store) -> Iterator[tuple[Batch, Home]]:
    """What is left of a batch, and a temporary home with all that it needs.

    What the batch has left there is delivered at the end, also after an error. A store that is away
    is waited for, longer at the end. Raises StoreAway where it does not come back.
    """
    landed = patiently(lambda: store.landed(batch), _is_away, FETCH_SECONDS)
    left = without(batch, landed)
    with tempfile.TemporaryDirectory(prefix="plm-worker-") as folder:
        home = Home.create(Path(folder) / "home")
        patiently(lambda: store.fetch(left, home), _is_away, FETCH_SECONDS)
        try:
            yield left, home
        finally:
            patiently(lambda: store.deliver(batch, home), _is_away, DELIVER_SECONDS)


def _is_away(error: Exception) -> bool:
    return isinstance(error, StoreAway)


def without(batch: Batch, evaluation_keys: set[str]) -> Batch:
    """The batch without these evaluations."""
    left = []
    for job in batch.jobs:
        tests = tuple(t for t in job.tests if job.evaluation_key(t) not in evaluation_keys)
        if tests:
            left.append(replace(job, tests=tests))
    return Batch(tuple(left))


def _folder(batch: Batch) -> str:
    return f"landing/{digest(batch.to_json())[:16]}"


def _texts(batch: Batch) -> list[TextPart]:
    """Every text of the batch once."""
    texts = {part for job in batch.jobs for part in (job.train, *job.tests) if part is not None}
    return sorted(texts, key=lambda part: part.path)


def _names_files(path: Path) -> list[str]:
    """Files below a home that the records of a landing file name; InputError for one outside."""
    table = pq.read_table(path)
    names = set()
    for column, fields in (("runs", ("log", "curve")), ("evaluations", ("hypotheses",))):
        for row in table.column(column).to_pylist():
            names |= {row[field] for field in fields if row and row.get(field)}
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(f"{path.name} names {name!r}, which is no file below a home")
    return sorted(names)
