"""One writer at a time: an advisory lock on `warehouse.lock`.

The lock is the kernel's (flock), so it goes away with its holder however that ends. The file's
text only tells others who holds it.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from proxylm.errors import BusyError
from warehouse.home import Home

_POLL_SECONDS = 0.05


def _wait_seconds() -> float:
    return float(os.environ.get("PLM_LOCK_SECONDS", "60"))


@contextmanager
def locked(home: Home, purpose: str, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold the lock of `home`. Waits up to `wait_seconds` (default PLM_LOCK_SECONDS, else 60 s).

    Raises BusyError, which names the holder, when the wait is over.
    """
    wait = _wait_seconds() if wait_seconds is None else wait_seconds
    deadline = time.monotonic() + wait
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(_busy_message(home, wait)) from None
                time.sleep(_POLL_SECONDS)
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": purpose,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _busy_message(home: Home, wait: float) -> str:
    try:
        holder = json.loads(home.lock.read_text())
        who = (
            f"process {holder['pid']} on {holder['host']} "
            f"({holder['purpose']}, since {holder['since']})"
        )
    except (ValueError, KeyError):
        who = "another process"
    return (
        f"the warehouse {home.warehouse} is held by {who}; waited {wait:g} s. "
        "Try again later, or wait longer with PLM_LOCK_SECONDS"
    )
