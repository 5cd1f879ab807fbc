"""The board's rows as files for other programs: JSON, CSV, Parquet and a summary in Markdown.

All hold the same rows. `dictionary.json` says what the columns mean; JSON and Parquet carry it
too. The columns' meanings come in with the rows; this module adds none.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from proxylm.board.ranking import ALL_LANGUAGES, rank
from proxylm.board.tables import Publication, Tables, groups, records

SCHEMA_VERSION = 2
"""Of the exported files. It grows when a column goes or changes its meaning; 1 had bare rows."""


def export(tables: Tables, publication: Publication, folder: Path) -> None:
    """Write `leaderboard.json`, `.csv`, `.parquet` and `.md`, and `dictionary.json`.

    Absent values are null in JSON and Parquet and empty in CSV; numbers keep all their digits;
    times are ISO 8601.
    """
    rows, about = tables.rows, _about(tables, publication)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), "proxylm_board": json.dumps(about, ensure_ascii=False)}
    )
    pq.write_table(table, folder / "leaderboard.parquet", compression="zstd")
    _write_csv(table, folder / "leaderboard.csv")
    _write_json({**about, "rows": records(rows)}, folder / "leaderboard.json")
    _write_json(about, folder / "dictionary.json")
    (folder / "leaderboard.md").write_text(summary(tables, publication), encoding="utf-8")


def _about(tables: Tables, publication: Publication) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "snapshot": publication.snapshot,
        "made_at": publication.made_at.isoformat(timespec="seconds"),
        "made_by": f"proxylm-ops {publication.version}",
        "key": ["setting_key", "model_id", "mode", "metric"],
        "columns": [
            {"name": name, "type": kind, "meaning": meaning}
            for name, kind, meaning in tables.columns
        ],
    }


def _write_csv(table: pa.Table, path: Path) -> None:
    """Arrow's writer, ten times as fast as that of pandas."""
    for i, column in enumerate(table.column_names):
        if pa.types.is_timestamp(table.schema.field(i).type):
            table = table.set_column(i, column, pc.strftime(table[column], "%Y-%m-%dT%H:%M:%S"))
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed", quoting_header="needed"))


def _write_json(value: Any, path: Path) -> None:
    path.write_text(
        json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
        encoding="utf-8",
    )


def summary(tables: Tables, publication: Publication) -> str:
    """The ranking of each task and metric as Markdown, with where its numbers are from."""
    ranking = rank(tables.rows)
    lines = [
        f"# {escape(publication.title)}",
        "",
        f"{len(tables.rows):,} rows of {publication.snapshot}, published "
        f"{publication.made_at:%Y-%m-%d %H:%M} UTC. Means over settings, observed where there is "
        "a score and else predicted. Models of one rank cannot be told apart: their intervals "
        "overlap.",
    ]
    overall = ranking[ranking["language"] == ALL_LANGUAGES]
    for (task, metric), part in groups(overall, ["task", "metric"]):
        lines += [
            "",
            f"## {escape(task)}, {escape(metric)}",
            "",
            "| rank | model | mode | mean | interval | settings | observed |",
            "| ---: | --- | --- | ---: | ---: | ---: | ---: |",
        ]
        decimals = 3 if metric == "comet" else 1
        for line in part.to_dict("records"):
            lines.append(_line(line, decimals))
    if overall.empty:
        lines += ["", "There are no predictions and no observed scores yet."]
    return "\n".join(lines) + "\n"


def _line(line: dict[Any, Any], decimals: int) -> str:
    place = "-" if pd.isna(line["rank"]) else f"{int(line['rank'])}"
    interval = "-"
    if not pd.isna(line["lower"]):
        interval = f"{line['lower']:.{decimals}f} to {line['upper']:.{decimals}f}"
    settings = f"{line['settings']:,}"
    if line["settings"] < line["of"]:
        settings += f" of {line['of']:,}, so not ranked"
    cells = (
        place, escape(line["model_id"]), escape(line["mode"]), f"{line['value']:.{decimals}f}",
        interval, settings, f"{line['observed']:,}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def escape(text: object) -> str:
    """Text from outside in a cell of a Markdown table, whatever it holds."""
    plain = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{sign}" if sign in "\\`*_[]|!#~" else sign for sign in plain)
