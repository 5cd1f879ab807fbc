"""Kill a process of this program at a random moment, and look at what it left.

The processes are forked from a server that has loaded the libraries, so that a kill costs what the
work costs and not the start of Python.
"""

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from proxylm.records import KEYS
from warehouse.database import reading, writing
from warehouse.home import Home

REOPEN_SECONDS = 1.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.reliability.victims"])


class Killed(NamedTuple):
    """One process and how it ended."""

    killed: bool  # False: it came to its end first
    seconds: float


def run(victim: Callable[..., Any], *arguments: Any, kill_after: float | None = None) -> Killed:
    """Run `victim` in a process of its own; SIGKILL it after so many seconds of work."""
    here, there = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_begin, args=(there, victim, arguments))
    process.start()
    there.close()
    here.recv()
    begun = time.perf_counter()
    process.join(kill_after)
    killed = process.is_alive()
    process.kill()
    process.join()
    here.close()
    if not killed:
        assert process.exitcode == 0
    return Killed(killed, time.perf_counter() - begun)


def _begin(there: Connection, victim: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    there.send("begun")
    victim(*arguments)


def moments(whole: float, kills: int, seed: int) -> list[float]:
    """When to kill: `kills` random moments of a run that takes `whole` seconds."""
    chance = random.Random(seed)
    return [chance.uniform(0, whole) for _ in range(kills)]


def reopen(home: Home) -> None:
    """The warehouse and its published copy open in a second, with every rule kept.

    The second is of this process, so that a busy machine fails no test.
    """
    begun = time.process_time()
    with writing(home, "reopen") as connection:
        seconds = time.process_time() - begun
        for table, keys in KEYS.items():
            twice = connection.execute(
                f"SELECT count(*) FROM (SELECT {', '.join(keys)} FROM {table} "
                "GROUP BY ALL HAVING count(*) > 1)"
            ).fetchone()
            assert twice == (0,), table
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
        live = connection.execute("SELECT count(*) FROM scores").fetchone()
    assert seconds < REOPEN_SECONDS
    if home.snapshot.exists():
        with reading(home) as connection:  # what was committed is published by now
            assert connection.execute("SELECT count(*) FROM scores").fetchone() == live
