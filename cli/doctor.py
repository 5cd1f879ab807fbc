"""The checks of `plm-admin doctor`."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proxylm.errors import ProxyLMError

if TYPE_CHECKING:
    import duckdb

    from warehouse.home import Home

DAY = 86_400
FREE_BYTES = 2 * 1024**3


class Finding(NamedTuple):
    """One thing that was checked."""

    check: str
    ok: bool
    found: str
    remedy: str  # empty where `found` says it


def check(home: Path | None, hub: bool = False) -> list[Finding]:
    """All findings, whether good or bad. The network is asked only with `hub`."""
    from cli.doctor_prefect import check_prefect

    findings = [*_packages(), *_devices(), *_scorers(), *_home(home)]
    findings += [Finding(*found) for found in check_prefect(os.environ)]
    return [*findings, *_hub()] if hub else findings


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    for text in requires("proxylm-ops") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, False, "not installed", f"pip install '{text}'")
            continue
        fits = requirement.specifier.contains(found, prereleases=True)
        yield Finding(requirement.name, fits, found, f"pip install '{text}'")


def _devices() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Finding("device", True, ", ".join(names), "")
    else:
        yield Finding("device", True, f"no GPU; {os.cpu_count()} CPUs", "")


def _scorers() -> Iterator[Finding]:
    """What is optional: absent is fine, there and broken is not."""
    from importlib.util import find_spec

    from proxylm.evaluation.metrics import spm_status

    yield Finding("spBLEU", True, spm_status(), "")
    python = os.environ.get("PLM_COMET_PYTHON")
    if not python:
        yield Finding("COMET", True, "PLM_COMET_PYTHON is not set: no comet scores", "")
    else:
        found = shutil.which(python)
        said = python if found else f"PLM_COMET_PYTHON is {python}, which is no program"
        remedy = "name the python of an environment with unbabel-comet, or unset it"
        yield Finding("COMET", found is not None, said, remedy)
    if find_spec("ctranslate2"):
        yield Finding("ctranslate2", True, version("ctranslate2"), "")
    else:
        yield Finding("ctranslate2", True, "not installed: models run in torch", "")


def _home(home: Path | None) -> Iterator[Finding]:
    from warehouse.home import Home

    try:
        here = Home.find(home)
        mode = here.path.stat().st_mode & 0o777
        yield Finding("home", True, str(here.path), "")
        yield Finding("home mode", mode == 0o700, f"{mode:o}", f"chmod 700 {here.path}")
        free = shutil.disk_usage(here.path).free
        found = f"{free / 1024**3:.1f} GiB free"
        yield Finding("disk", free > FREE_BYTES, found, "free at least 2 GiB")
        yield from _warehouse(here)
    except ProxyLMError as error:
        yield Finding("home", False, str(error), "")  # it names the way on


def _warehouse(home: "Home") -> Iterator[Finding]:
    from warehouse.database import reading, writing
    from warehouse.lock import holder

    who = holder(home)
    if who is None:
        yield Finding("lock", True, "free", "")
    elif who.held:
        yield Finding("lock", True, f"held by {who.who}", "")
    else:
        found = f"{who.who} did not come to its end; the next writer publishes what it stored"
        yield Finding("lock", True, found, "")
    if who is None or not who.held:
        with writing(home, "doctor"):
            yield Finding("warehouse", True, "opens, and its schema fits", "")
    with reading(home) as connection:
        yield Finding("GPU runs", True, _never_on_gpu(connection), "")
        broken = _count(connection, "SELECT count(*) FROM data_checks")
        alarms = _count(connection, "SELECT count(*) FROM drift_checks WHERE alarm")
        yield _backup(home, connection)
    yield Finding("data checks", broken == 0, f"{broken} rows", "look at them: plm-admin check")
    remedy = "the intervals no longer hold there; `plm-admin sql 'FROM drift_checks WHERE alarm'`"
    yield Finding("drift", alarms == 0, f"{alarms} alarms", remedy)
    rejected = len(list(home.rejected.glob("*.parquet")))
    remedy = f"read the reasons beside them in {home.rejected}"
    yield Finding("rejected files", rejected == 0, str(rejected), remedy)
    waiting = [time.time() - path.stat().st_mtime for path in home.incoming.glob("*.parquet")]
    late = sum(age > DAY for age in waiting)
    found = f"{len(waiting)}, {late} of them for more than a day"
    yield Finding("files to load", late == 0, found, "plm-admin refresh loads them")


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _backup(home: "Home", connection: "duckdb.DuckDBPyConnection") -> Finding:
    """Whether scores that were loaded more than two days ago are in no backup."""
    from warehouse.backup import backups, read_manifest
    from warehouse.database import now

    made = backups(home)
    last = read_manifest(made[-1]).made_at if made else None
    unsafe = connection.execute(
        "SELECT count(*) FROM scores WHERE loaded_at < ?::TIMESTAMP - INTERVAL 2 DAY "
        "AND (?::TIMESTAMP IS NULL OR loaded_at > ?::TIMESTAMP)",
        [now(), last, last],
    ).fetchone()
    count = unsafe[0] if unsafe else 0
    found = f"last {last or 'never'}; {count} scores of more than two days ago are in none"
    return Finding("backup", count == 0, found, "plm-admin backup, or schedule the flow maintain")


def _never_on_gpu(connection: "duckdb.DuckDBPyConnection") -> str:
    """The kinds of models, by backend, that no completed run of this warehouse had on a GPU."""
    from proxylm.evaluation.contract import KINDS

    rows = connection.execute(
        "SELECT DISTINCT r.arguments, e.backend FROM runs r JOIN evaluations e USING (run_id) "
        "WHERE r.device <> 'cpu' AND r.status = 'completed' AND r.arguments IS NOT NULL"
    ).fetchall()
    ran = {(json.loads(arguments).get("kind"), backend) for arguments, backend in rows}
    never = []
    for name, kind in sorted(KINDS.items()):
        missing = [backend for backend in kind.backends if (name, backend) not in ran]
        if name != "command" and missing:  # a command is another program, on devices of its own
            never.append(f"{name} ({', '.join(missing)})")
    return f"never run on a GPU here: {', '.join(never)}" if never else "all kinds and backends"


def _hub() -> Iterator[Finding]:
    import httpx

    url = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    remedy = "without it only models in local folders can be used; set HF_ENDPOINT for a mirror"
    try:
        answer = httpx.head(url, timeout=5, follow_redirects=True)
        yield Finding("model hub", answer.status_code < 500, f"{url}: {answer.status_code}", remedy)
    except httpx.HTTPError as error:
        yield Finding("model hub", False, f"{url}: {error}", remedy)
