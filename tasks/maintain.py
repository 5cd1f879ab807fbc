"""Stage `maintain`: backup, data checks, freshness, compaction, clean-up and growth.

What it may remove is said by `maintain.yaml` in the home; without one only leftovers go that
nothing refers to. It never makes scores and never changes one.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from prefect import task
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxylm.errors import InputError, ProxyLMError
from proxylm.landing import compact
from tasks.settings import LOCK_RETRIES, busy
from warehouse.backup import KEEP, back_up
from warehouse.database import now, reading
from warehouse.home import Home

POLICY = "maintain.yaml"
DAY = 86_400
_GROWTH_FOLDERS = (
    "landing", "published", "backups", "runs", "corpora", "embeddings", "predictors", "site",
)  # fmt: skip


class Policy(BaseModel):
    """What `maintain` keeps; the fields of `maintain.yaml`. None keeps for ever."""

    model_config = ConfigDict(extra="forbid")

    # The newest backups that stay.
    backups: int = Field(default=KEEP, ge=1)
    # Loaded landing files that wait before they become one.
    landing_files: int = Field(default=200, ge=2)
    # What killed processes left, and hypotheses of no evaluation.
    leftover_days: float = Field(default=7, ge=0)
    # Hypotheses of evaluations: without them no metric can be added to those.
    hypotheses_days: float | None = Field(default=None, ge=0)
    # Trained weights: without them a new test language trains again.
    weights_days: float | None = Field(default=None, ge=0)
    # Since the last load, before it counts as stale.
    stale_hours: float = Field(default=72, gt=0)


@dataclass(frozen=True)
class Maintained:
    """What was done and found."""

    backup: str
    scores: int  # rows in it
    broken: dict[str, int]  # rule of `data_checks`: rows that break it
    last_load: datetime | None
    stale: bool  # the last load is longer ago than the policy allows
    compacted: int  # landing files that are now in one
    removed: dict[str, int]  # kind of file: how many went
    freed_bytes: int
    size_bytes: dict[str, int]  # folder or file of the home
    rows: dict[str, int]

    def problems(self) -> list[str]:
        """What somebody has to look at."""
        found = [f"{rule}: {rows} rows" for rule, rows in self.broken.items()]
        if found:
            found[0] = f"data checks failed (`plm-admin check` shows the rows): {found[0]}"
        if self.stale:
            found.append(f"nothing was loaded since {self.last_load}")
        return found


def read_policy(home: Home) -> Policy:
    """The policy of a home. Raises InputError for one that cannot be used."""
    path = home.path / POLICY
    if not path.exists():
        return Policy()
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValidationError) as error:
        raise InputError(f"{path}: {error}. docs/operate.md lists its fields") from None


def maintain(home: str) -> Maintained:
    """Back up first, then check, compact, clean up and measure."""
    here = Home.find(home)
    policy = read_policy(here)
    backup, manifest = back_up(here, policy.backups)
    with reading(here) as connection:
        broken = connection.execute(
            "SELECT rule, count(*) FROM data_checks GROUP BY rule ORDER BY rule"
        ).fetchall()
        last = connection.execute("SELECT max(loaded_at) FROM scores").fetchone()
        kept = connection.execute(
            "SELECT hypotheses FROM evaluations WHERE hypotheses IS NOT NULL"
        ).fetchall()
    last_load = last[0] if last else None
    hours = (now() - last_load).total_seconds() / 3600 if last_load else 0.0
    compacted = compact(here.loaded, policy.landing_files)
    removed, freed = _clean_up(here, policy, {path for (path,) in kept})
    return Maintained(
        backup=str(backup),
        scores=manifest.tables["scores"],
        broken=dict(broken),
        last_load=last_load,
        stale=hours > policy.stale_hours,
        compacted=compacted,
        removed=removed,
        freed_bytes=freed,
        size_bytes=_sizes(here),
        rows=manifest.tables,
    )


def _clean_up(home: Home, policy: Policy, kept: set[str]) -> tuple[dict[str, int], int]:
    """Remove what the policy lets go; how many of each kind, and their bytes."""
    removed, freed = {}, 0
    kinds: dict[str, tuple[float | None, Iterable[Path]]] = {
        "leftovers": (policy.leftover_days, _leftovers(home)),
        "unknown hypotheses": (policy.leftover_days, _hypotheses(home, kept, known=False)),
        "hypotheses": (policy.hypotheses_days, _hypotheses(home, kept, known=True)),
        "weights": (policy.weights_days, home.runs.glob("*/weights")),
    }
    waiting = any(home.incoming.glob("*.parquet"))
    for kind, (days, paths) in kinds.items():
        # An evaluation that waits to be loaded is not known yet, and its hypotheses are wanted.
        if days is None or (kind == "unknown hypotheses" and waiting):
            continue
        gone = [path for path in paths if _age_seconds(path) > days * DAY]
        for path in gone:
            freed += _bytes(path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        removed[kind] = len(gone)
    return removed, freed


def _leftovers(home: Home) -> Iterator[Path]:
    """What killed processes left under a temporary name."""
    for folder in (home.path, home.incoming, home.published, home.backups, home.predictors):
        yield from folder.glob(".*.tmp")
        yield from folder.glob(".*.tmp.wal")
    yield from home.predictors.glob(".predictor-*")
    yield from home.runs.glob("*/.weights-*.tmp")
    yield from home.runs.glob("*/.*.tmp")
    yield from home.runs.glob("batches/*.progress")


def _hypotheses(home: Home, kept: set[str], known: bool) -> Iterator[Path]:
    for path in home.runs.glob("*/hypotheses-*.parquet"):
        if (path.relative_to(home.path).as_posix() in kept) == known:
            yield path


def _age_seconds(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _bytes(path: Path) -> int:
    if not path.is_dir():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir())


def _sizes(home: Home) -> dict[str, int]:
    sizes = {"warehouse.duckdb": _bytes(home.warehouse)}
    for name in _GROWTH_FOLDERS:
        if (home.path / name).is_dir():
            sizes[name] = _bytes(home.path / name)
    return sizes


def _maintain_or_fail(home: str) -> Maintained:
    """As `maintain`, for a flow: ProxyLMError, when all is done, for what it found."""
    done = maintain(home)
    if done.problems():
        raise ProxyLMError("; ".join(done.problems()))
    return done


maintain_task: Any = task(name="maintain", retry_condition_fn=busy, **LOCK_RETRIES)(
    _maintain_or_fail
)
