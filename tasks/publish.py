"""Stage `publish`: the board as a site, as data files and as a feed, from one published copy."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from proxylm import __version__
from proxylm.board.exports import export, summary
from proxylm.board.feed import atom
from proxylm.board.folders import KEEP, publish_whole
from proxylm.board.push import push
from proxylm.board.site import write_site
from proxylm.board.tables import SAMPLE_COLUMNS, Publication, Tables
from proxylm.identity import digest
from tasks.evaluate import code_revision
from warehouse.board import read_board
from warehouse.database import now
from warehouse.home import Home

ARTIFACT_ROWS = 50
ARTIFACT_COLUMNS = [
    "task", "metric", "model_id", "source_lang", "target_lang", "predicted", "lower", "upper",
    "observed", "error", "status",
]  # fmt: skip
SAMPLE_LINES = 3
SAMPLE_CHARACTERS = 400


@dataclass(frozen=True)
class Published:
    """What was published."""

    page: str  # path of index.html
    rows: int
    top: list[dict[str, Any]]  # the rows where prediction and observation differ most
    summary: str  # Markdown: the ranking
    copied_to: str | None = None  # where else the site was copied to
    new: bool = True  # False: the site was of the same copy and stays


def publish(home: str, keep: int = KEEP, to: str | None = None, always: bool = True) -> Published:
    """Write the site and point `site` at it; the last `keep` are kept.

    `to`, else PLM_PUBLISH_TO, names a place that the site is copied to as well. Without
    `always` a site that nothing would change stays as it is; `top` is empty then.
    """
    here = Home.find(home)
    destination = to or os.environ.get("PLM_PUBLISH_TO")
    inputs = _inputs(here)
    if not always and _made_from(here) == inputs:
        return Published(
            str(here.site / "index.html"),
            pq.read_metadata(here.site / "leaderboard.parquet").num_rows,
            [],
            (here.site / "leaderboard.md").read_text(encoding="utf-8"),
            push(here.site.resolve(), destination) if destination else None,
            new=False,
        )
    copy = read_board(here)
    tables = Tables(
        **copy.tables,
        columns=copy.columns,
        samples=_samples(here, copy.tables["scores"]),
        rejected=_rejected(here),
    )
    publication = Publication(copy.name, __version__, now(), inputs)

    def write(folder: Path) -> None:
        write_site(tables, publication, folder)
        export(tables, publication, folder)
        (folder / "feed.xml").write_bytes(atom(tables, publication))

    folder = publish_whole(here.site, write, keep)
    copied = push(folder, destination) if destination else None
    return Published(
        str(here.site / "index.html"),
        len(tables.rows),
        _top(tables.rows),
        summary(tables, publication),
        copied,
    )


def _inputs(home: Home) -> str:
    """A digest of all that a site is made from."""
    parts = [
        home.snapshot.resolve().name,
        code_revision(),
        sorted(_rejected(home).items()),
        sorted(path.relative_to(home.path).as_posix() for path in home.runs.glob("*/hypotheses*")),
    ]
    return digest(parts)


def _made_from(home: Home) -> str | None:
    """The digest of what the present site was made from; None where there is none."""
    try:
        said = json.loads((home.site / "dictionary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found: str | None = said.get("inputs")
    return found


def _samples(home: Home, scores: pd.DataFrame) -> pd.DataFrame:
    """The first outputs of each evaluation whose file is still there."""
    parts = [pd.DataFrame(columns=SAMPLE_COLUMNS)]
    for name in sorted(set(scores["hypotheses"].dropna())):
        path = home.path / name
        if not path.resolve().is_relative_to(home.runs) or not path.is_file():
            continue
        try:
            lines = pq.read_table(
                path, columns=SAMPLE_COLUMNS, filters=[("segment", "<", SAMPLE_LINES)]
            ).to_pandas()
        except (pa.ArrowException, OSError):
            continue  # a damaged file has no sample; the score stands on its own
        texts = {
            column: lines[column].str.slice(0, SAMPLE_CHARACTERS)
            for column in ("source", "hypothesis", "reference")
        }
        parts.append(lines.assign(**texts))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["evaluation_key", "segment"])


def _rejected(home: Home) -> dict[str, str]:
    return {
        path.name.removesuffix(".reason.txt"): path.read_text(encoding="utf-8").strip()
        for path in sorted(home.rejected.glob("*.reason.txt"))
    }


def _top(rows: pd.DataFrame) -> list[dict[str, Any]]:
    worst_first = rows["error"].abs().sort_values(ascending=False, na_position="last").index
    top = rows.loc[worst_first, ARTIFACT_COLUMNS].head(ARTIFACT_ROWS).round(3)
    plain = top.astype(object).where(top.notna(), None)
    return [dict(zip(ARTIFACT_COLUMNS, row, strict=True)) for row in plain.to_numpy().tolist()]


def _publish_with_artifacts(home: str, always: bool = True) -> Published:
    published = publish(home, always=always)
    if not published.new:
        return published
    create_table_artifact(
        key="leaderboard",
        table=published.top,
        description=f"{published.rows} rows; those with the largest error first. "
        f"The whole board: {published.page}",
    )
    create_markdown_artifact(
        key="board", markdown=f"{published.summary}\nThe whole board: `{published.page}`\n"
    )
    return published


publish_task: Any = task(name="publish", retries=1, retry_delay_seconds=5)(_publish_with_artifacts)
