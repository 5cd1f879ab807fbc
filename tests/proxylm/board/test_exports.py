"""The files beside the page: the same rows in each, described, and a feed of what changed."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as Xml

import pandas as pd
import pyarrow.parquet as pq
import pytest

from proxylm.board.costs import costs, duration
from proxylm.board.exports import SCHEMA_VERSION, escape
from warehouse.database import reading
from warehouse.home import Home

ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture(scope="module")
def folder(make_site: Callable[..., Path]) -> Path:
    pytest.importorskip("vl_convert", reason="the `site` extra is not installed")
    return make_site(languages=5)


def test_all_files_hold_the_rows_of_the_view(folder: Path) -> None:
    with reading(Home(folder)) as connection:
        view = connection.execute("SELECT * FROM leaderboard ORDER BY ALL").df()
    document = json.loads((folder / "site" / "leaderboard.json").read_text(encoding="utf-8"))
    files = {
        "json": pd.DataFrame(document["rows"]),
        "csv": pd.read_csv(folder / "site" / "leaderboard.csv"),
        "parquet": pd.read_parquet(folder / "site" / "leaderboard.parquet"),
    }
    key = ["setting_key", "model_id", "mode", "metric"]
    view = view.sort_values(key, ignore_index=True)
    for kind, rows in files.items():
        rows = rows.sort_values(key, ignore_index=True)
        assert len(rows) == len(view) > 0
        for name in ("predicted", "lower", "upper", "observed", "error"):
            pd.testing.assert_series_equal(
                rows[name].astype(float), view[name].astype(float), check_exact=True, obj=kind
            )
        assert rows["reason"].fillna("").tolist() == view["reason"].fillna("").tolist()
        made = pd.to_datetime(rows["made_at"]).astype("datetime64[us]")
        assert made.tolist() == view["made_at"].tolist()


def test_every_column_is_described_and_the_schema_has_a_version(folder: Path) -> None:
    about = json.loads((folder / "site" / "dictionary.json").read_text(encoding="utf-8"))
    schema = pq.read_schema(folder / "site" / "leaderboard.parquet")
    assert [column["name"] for column in about["columns"]] == schema.names
    assert all(column["meaning"] and column["type"] for column in about["columns"])
    assert about["schema_version"] == SCHEMA_VERSION
    assert json.loads(schema.metadata[b"proxylm_board"]) == about
    assert about["snapshot"] == Home(folder).snapshot.resolve().name


def test_the_summary_ranks_and_says_where_from(folder: Path) -> None:
    text = (folder / "site" / "leaderboard.md").read_text(encoding="utf-8")
    assert "## mt, spBLEU" in text
    assert "| beta | fine\\_tuned |" in text
    assert "9 of 10, so not ranked" in text or "8 of 10, so not ranked" in text
    assert Home(folder).snapshot.resolve().name in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a|b", "a\\|b"), ("<b>&", "&lt;b>&amp;"), ("a\nb", "a b"), ("[x](y)", "\\[x\\](y)")],
)
def test_markdown_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_the_feed_tells_changes_and_keeps_their_ids(folder: Path) -> None:
    feed = Xml.parse(folder / "site" / "feed.xml").getroot()
    titles = [title.text or "" for title in feed.findall("a:entry/a:title", ATOM)]
    assert any(title.endswith("mt scores of alpha came in") for title in titles)
    assert any(title == "new predictor of spBLEU for alpha" for title in titles)
    assert any("were graded" in title or "was graded" in title for title in titles)
    assert "forecasts of alpha no longer hold" in titles
    ids = [entry.text for entry in feed.findall("a:entry/a:id", ATOM)]
    assert len(set(ids)) == len(ids) > 0
    updated = [entry.text or "" for entry in feed.findall("a:entry/a:updated", ATOM)]
    assert updated == sorted(updated, reverse=True)

    from tasks.publish import publish

    publish(str(folder))
    again = Xml.parse(folder / "site" / "feed.xml").getroot()
    assert [entry.text for entry in again.findall("a:entry/a:id", ATOM)] == ids


def test_a_setting_with_two_metrics_is_paid_once() -> None:
    one = pd.DataFrame(
        [
            {
                "setting_key": "s", "model_id": "m", "mode": "fine_tuned", "proxy_seconds": 40.0,
                "estimated_seconds": 110.0, "estimated_basis": "measured",
            }
        ]
    )  # fmt: skip
    assert costs(pd.concat([one, one])) == costs(one) == (40.0, 110.0, None, 2.75)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.012, "0.012 s"), (9.96, "10 s"), (600, "10 min"), (5e4, "13.9 h")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
