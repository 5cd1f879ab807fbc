"""The checks of `plm-admin doctor`."""

import json
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proxylm.errors import ProxyLMError

if TYPE_CHECKING:
    import duckdb

FREE_BYTES = 2 * 1024**3


class Finding(NamedTuple):
    """One thing that was checked."""

    check: str
    ok: bool
    found: str
    remedy: str


def check(home: Path | None, hub: bool = False) -> list[Finding]:
    """All findings, whether good or bad. The network is asked only with `hub`."""
    findings = [*_packages(), *_devices(), *_scorers(), *_home(home), *_prefect()]
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
    from warehouse.database import reading, writing
    from warehouse.home import Home

    try:
        here = Home.find(home)
        mode = here.path.stat().st_mode & 0o777
        yield Finding("home", True, str(here.path), "")
        yield Finding("home mode", mode == 0o700, f"{mode:o}", f"chmod 700 {here.path}")
        free = shutil.disk_usage(here.path).free
        found = f"{free / 1024**3:.1f} GiB free"
        yield Finding("disk", free > FREE_BYTES, found, "free at least 2 GiB")
        with writing(here, "doctor"):
            yield Finding("warehouse", True, "opens, and its schema fits", "")
        with reading(here) as connection:
            broken = connection.execute("SELECT count(*) FROM data_checks").fetchone()
            yield Finding("GPU runs", True, _never_on_gpu(connection), "")
        count = broken[0] if broken else 0
        remedy = "look at them: plm-admin sql 'SELECT * FROM data_checks'"
        yield Finding("data checks", count == 0, f"{count} rows", remedy)
        rejected = len(list(here.rejected.glob("*.parquet")))
        remedy = f"read the reasons beside them in {here.rejected}"
        yield Finding("rejected files", rejected == 0, str(rejected), remedy)
    except ProxyLMError as error:
        yield Finding("home", False, str(error), "see the message")


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


def _prefect() -> Iterator[Finding]:
    import httpx

    url = os.environ.get("PREFECT_API_URL")
    if not url:
        yield Finding("Prefect API", True, "PREFECT_API_URL is not set: flows run on their own", "")
        return
    remedy = "start it with `make serve`, or unset PREFECT_API_URL"
    try:
        answer = httpx.get(f"{url}/health", timeout=5)
        yield Finding("Prefect API", answer.is_success, f"{url}: {answer.status_code}", remedy)
    except httpx.HTTPError as error:
        yield Finding("Prefect API", False, f"{url}: {error}", remedy)
