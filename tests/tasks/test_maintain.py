"""What `maintain` does to a home, and what it never does without being told."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from proxylm.errors import InputError, ProxyLMError
from proxylm.landing import compact, write_landing
from tasks.maintain import _maintain_or_fail, maintain
from tests.warehouse.builders import evaluated, make_version_1
from warehouse.database import reading, writing
from warehouse.home import Home
from warehouse.loader import load_landing

MONTH = 30 * 86_400


def old(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - MONTH,) * 2)
    return path


@pytest.fixture
def used(home: Home) -> Home:
    """A home with an evaluation whose hypotheses and weights are there."""
    bundle = evaluated(targets=("swh_Latn",))
    kept = replace(bundle.evaluations[0], hypotheses="runs/k/hypotheses-a.parquet")
    write_landing(replace(bundle, evaluations=[kept]), home.incoming)
    load_landing(home)
    old(home.path / "runs/k/hypotheses-a.parquet")
    old(home.path / "runs/k/weights/model.safetensors")
    os.utime(home.path / "runs/k/weights", (time.time() - MONTH,) * 2)
    return home


def test_without_a_policy_only_leftovers_go(used: Home) -> None:
    leftovers = [
        old(used.path / "runs/k/hypotheses-of-a-killed-run.parquet"),
        old(used.incoming / ".abc.parquet.77.tmp"),
        old(used.published / ".warehouse-000002.duckdb.tmp.wal"),
        old(used.runs / "batches" / "b.1.2.progress"),
    ]
    done = maintain(str(used.path))
    assert not any(path.exists() for path in leftovers)
    assert (used.path / "runs/k/hypotheses-a.parquet").exists()
    assert (used.path / "runs/k/weights/model.safetensors").exists()
    assert done.removed == {"leftovers": 3, "unknown hypotheses": 1}
    assert done.freed_bytes == 4
    assert (done.scores, done.broken, done.stale, done.problems()) == (1, {}, False, [])
    assert done.size_bytes["warehouse.duckdb"] > 0
    assert done.rows["evaluations"] == 1


def test_what_has_not_been_loaded_yet_keeps_its_hypotheses(used: Home) -> None:
    waiting = old(used.path / "runs/k/hypotheses-b.parquet")
    write_landing(evaluated("later"), used.incoming)
    maintain(str(used.path))
    assert waiting.exists()


def test_the_policy_lets_weights_and_hypotheses_go_by_age(used: Home) -> None:
    young = used.path / "runs/l/weights"
    young.mkdir(parents=True)
    (used.path / "maintain.yaml").write_text("weights_days: 20\nhypotheses_days: 40\nbackups: 1\n")
    done = maintain(str(used.path))
    assert (done.removed["weights"], done.removed["hypotheses"]) == (1, 0)
    assert young.exists()
    (used.path / "maintain.yaml").write_text("hypotheses_days: 20\nbackups: 1\n")
    assert maintain(str(used.path)).removed["hypotheses"] == 1
    assert len(list(used.backups.glob("backup-*"))) == 1


@pytest.mark.parametrize("text", ["backup: 3", "backups: 0", "weights_days: many", "a: [", "- 1"])
def test_a_policy_that_cannot_be_used_stops_everything(used: Home, text: str) -> None:
    (used.path / "maintain.yaml").write_text(text)
    with pytest.raises(InputError, match=r"maintain\.yaml"):
        maintain(str(used.path))
    assert not list(used.backups.iterdir())


def test_a_broken_rule_fails_the_flow_after_the_backup(used: Home) -> None:
    with writing(used, "test") as connection:
        connection.execute("UPDATE scores SET value = 101")
    with writing(used, "test"):
        pass
    from warehouse.snapshot import publish_snapshot

    with writing(used, "test") as connection:
        publish_snapshot(used, connection)
    with pytest.raises(ProxyLMError, match=r"plm-admin check.*score out of range: 1 rows"):
        _maintain_or_fail(str(used.path))
    assert list(used.backups.glob("backup-*"))


def test_a_home_into_which_nothing_comes_is_stale(used: Home) -> None:
    (used.path / "maintain.yaml").write_text("stale_hours: 0.0000001\n")
    assert "nothing was loaded since" in maintain(str(used.path)).problems()[0]


def test_loaded_files_become_one_with_the_same_records(home: Home, tmp_path: Path) -> None:
    for number in range(4):
        path = write_landing(evaluated(f"model-{number}"), home.incoming)
        if number == 3:
            make_version_1(path)
    load_landing(home)
    assert compact(home.loaded, 4) == 0  # three of one schema, and one older
    assert compact(home.loaded, 3) == 3
    assert len(list(home.loaded.iterdir())) == 2
    again = Home.create(tmp_path / "again")
    for path in home.loaded.iterdir():
        path.rename(again.incoming / path.name)
    assert load_landing(again).evaluations == 12
    with reading(home) as here, reading(again) as there:
        query = "SELECT * EXCLUDE (loaded_at) FROM scores ORDER BY ALL"
        assert here.execute(query).fetchall() == there.execute(query).fetchall()
