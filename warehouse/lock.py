"""One writer at a time: an advisory lock on `warehouse.lock`.

The lock is the kernel's (flock), so it goes away with its holder however that ends. The file's
text tells others who holds it, and is cleared by a holder that comes to its end: text found by the
next one means that the last was killed or failed.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from proxylm.errors import BusyError
from warehouse.home import Home

POLL_SECONDS = 0.05


def longest_wait() -> float:
    """How many seconds a holder is waited for: PLM_LOCK_SECONDS, else 60."""
    return float(os.environ.get("PLM_LOCK_SECONDS", "60"))


@contextmanager
def locked(home: Home, purpose: str, wait_seconds: float | None = None) -> Iterator[bool]:
    """Hold the lock of `home`. Waits up to `wait_seconds` (default `longest_wait`).

    Gives whether the holder before came to its end. Raises BusyError, which names the holder, when
    the wait is over.
    """
    wait = longest_wait() if wait_seconds is None else wait_seconds
    with _held(home.lock, purpose, wait) as ended_well:
        if ended_well is None:
            raise BusyError(
                f"the warehouse {home.warehouse} is held by {_who(home.lock)}; waited {wait:g} s. "
                "Try again later, or wait longer with PLM_LOCK_SECONDS"
            )
        yield ended_well


@contextmanager
def alone(home: Home, purpose: str) -> Iterator[None]:
    """Be the only process at `purpose` in this home: two refreshes would evaluate the same.

    Raises BusyError, which names the other, at once: it may take all night.
    """
    path = home.path / f"{purpose}.lock"
    with _held(path, purpose, 0) as ended_well:
        if ended_well is None:
            raise BusyError(
                f"another {purpose} of {home.path} is at work: {_who(path)}. Wait for its end; "
                "`plm-admin status` shows what is done"
            )
        yield


@contextmanager
def _held(path: Path, purpose: str, wait_seconds: float) -> Iterator[bool | None]:
    """Hold a lock file: whether the holder before came to its end; None where it is not free."""
    deadline = time.monotonic() + wait_seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                yield None
                return
            time.sleep(POLL_SECONDS)
        said = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": purpose,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        ended_well = os.fstat(descriptor).st_size == 0
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(said).encode(), 0)
        yield ended_well
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Holder(NamedTuple):
    """Who holds the lock, or was the last to."""

    who: str
    held: bool  # False: it ended without letting go, killed or failed


def holder(home: Home) -> Holder | None:
    """The present holder, or the last one if it did not come to its end; else None."""
    if not home.lock.exists() or not home.lock.stat().st_size:
        return None
    descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return Holder(_who(home.lock), held=not _try(descriptor, fcntl.LOCK_SH))
    finally:
        os.close(descriptor)


def _who(path: Path) -> str:
    try:
        said = json.loads(path.read_text())
        return f"process {said['pid']} on {said['host']} ({said['purpose']}, since {said['since']})"
    except (ValueError, KeyError):
        return "another process"
