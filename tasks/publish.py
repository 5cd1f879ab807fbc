"""Stage `publish`: the board as a page and as data files, from one published copy."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_table_artifact

from proxylm import __version__
from proxylm.board.exports import export
from proxylm.board.page import render
from proxylm.landing import write_atomically
from proxylm.records import HEADLINE_METRICS
from warehouse.database import now
from warehouse.frames import read_leaderboard, read_quality
from warehouse.home import Home

ARTIFACT_ROWS = 50
ARTIFACT_COLUMNS = [
    "task", "metric", "model_id", "source_lang", "target_lang", "predicted", "lower", "upper",
    "observed", "error", "status",
]  # fmt: skip


@dataclass(frozen=True)
class Published:
    """What was published."""

    page: str  # path of index.html
    rows: int
    top: list[dict[str, Any]]  # the rows where prediction and observation differ most


def publish(home: str) -> Published:
    """Write `site/index.html` and the same rows as JSON, CSV and Parquet."""
    here = Home.find(home)
    snapshot = here.snapshot.resolve().name
    rows, quality = read_leaderboard(here), read_quality(here)
    facts = {"snapshot": snapshot, "version": __version__, "made_at": f"{now():%Y-%m-%d %H:%M} UTC"}
    page = here.site / "index.html"
    headline = rows["metric"].isin([m for metrics in HEADLINE_METRICS.values() for m in metrics])
    write_atomically(page, render(rows[headline], quality, facts).encode())
    export(rows, here.site)
    return Published(str(page), len(rows), _top(rows))


def _top(rows: pd.DataFrame) -> list[dict[str, Any]]:
    worst_first = rows["error"].abs().sort_values(ascending=False, na_position="last").index
    top = rows.loc[worst_first, ARTIFACT_COLUMNS].head(ARTIFACT_ROWS).round(3)
    plain = top.astype(object).where(top.notna(), None)
    return [dict(zip(ARTIFACT_COLUMNS, row, strict=True)) for row in plain.to_numpy().tolist()]


def _publish_with_artifact(home: str) -> Published:
    published = publish(home)
    create_table_artifact(
        key="leaderboard",
        table=published.top,
        description=f"{published.rows} rows; those with the largest error first. "
        f"The whole board: {published.page}",
    )
    return published


publish_task: Any = task(name="publish", retries=1, retry_delay_seconds=5)(_publish_with_artifact)
