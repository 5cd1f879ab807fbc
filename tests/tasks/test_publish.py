"""Stage `publish`: one moment, whole sites, and nothing from outside the home."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxylm.errors import UsageError
from tasks.publish import publish
from tests.boards import fill
from warehouse.database import transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot

pytest.importorskip("vl_convert", reason="the `site` extra is not installed")


def test_the_last_sites_are_kept_and_the_link_leads_to_the_newest(home: Home) -> None:
    fill(home, languages=1)
    for _ in range(3):
        published = publish(str(home.path), keep=2)
    assert len(list((home.path / "sites").iterdir())) == 2
    assert Path(published.page).is_file()
    assert home.site.resolve().name == "000003"


def test_a_site_that_nothing_would_change_stays_unless_it_is_asked_for(home: Home) -> None:
    fill(home, languages=1)
    first = publish(str(home.path), always=False)
    again = publish(str(home.path), always=False)
    assert (first.new, again.new) == (True, False)
    assert (again.page, again.rows, again.summary) == (first.page, first.rows, first.summary)
    assert home.site.resolve().name == "000001"

    (home.rejected / "torn.reason.txt").write_text("it is torn")
    assert publish(str(home.path), always=False).new
    with writing(home, "test") as connection:
        publish_snapshot(home, connection)
    assert publish(str(home.path), always=False).new
    assert not publish(str(home.path), always=False).new
    assert publish(str(home.path)).new
    assert home.site.resolve().name == "000004"


def test_all_numbers_are_from_one_copy_which_is_named(home: Home) -> None:
    fill(home, languages=2)
    publish(str(home.path))
    name = home.snapshot.resolve().name
    about = json.loads((home.site / "dictionary.json").read_text())
    assert about["snapshot"] == name
    for path in (home.site / "data").iterdir():
        assert f'","{name}-' in path.read_text(encoding="utf-8")[:200], path.name


def test_a_wrong_destination_is_said_after_publishing(home: Home) -> None:
    fill(home, languages=1)
    with pytest.raises(UsageError, match="use s3://bucket/prefix"):
        publish(str(home.path), to="nowhere")
    assert (home.site / "index.html").is_file()


def test_the_summary_and_the_largest_errors_are_for_artifacts(home: Home) -> None:
    fill(home, languages=6)
    published = publish(str(home.path))
    errors = [abs(row["error"]) for row in published.top if row["error"] is not None]
    assert errors == sorted(errors, reverse=True)
    assert len(published.top) <= 50
    assert published.summary.startswith("# ProxyLM board")


def test_a_damaged_file_of_outputs_costs_its_sample_alone(home: Home) -> None:
    fill(home, languages=6)
    kept = sorted(home.runs.rglob("hypotheses.parquet"))
    pq.write_table(pa.table({"segment": [0]}), kept[0])
    kept[1].write_bytes(b"PAR1 is not enough")
    publish(str(home.path))
    pages = "".join(path.read_text() for path in (home.site / "data").glob("language-*.js"))
    assert kept[0].parent.name in pages  # the score itself
    assert "said 0" in pages or len(kept) == 2  # the samples of the others


@pytest.mark.parametrize("name", ["../secret.parquet", "/etc/hostname", "warehouse.duckdb"])
def test_outputs_are_read_below_runs_only(home: Home, name: str) -> None:
    fill(home, languages=3)
    secret = [{"evaluation_key": "e", "segment": 0, "source": "s", "hypothesis": "h"}]
    pq.write_table(pa.Table.from_pylist(secret), home.path.parent / "secret.parquet")
    with writing(home, "test") as connection:
        with transaction(connection):
            connection.execute("UPDATE evaluations SET hypotheses = ?", [name])
        publish_snapshot(home, connection)
    publish(str(home.path))
    pages = "".join(path.read_text() for path in (home.site / "data").glob("language-*.js"))
    assert '"samples":{"n":0' in pages
    assert '"hypothesis":{"values":["h' not in pages
