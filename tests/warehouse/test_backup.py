"""Backups: whole, checked, in the order they were made, and good on another machine."""

from pathlib import Path

import duckdb
import pytest

from proxylm.errors import InputError, ProxyLMError
from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.backup import back_up, backups, check_backup, restore
from warehouse.database import migrations, reading, table_counts
from warehouse.home import Home
from warehouse.loader import load_landing


@pytest.fixture
def filled(home: Home) -> Home:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    (home.catalogue / "local.yaml").write_text("models: []\n")
    return home


def scores(home: Home) -> int:
    with reading(home) as connection:
        return table_counts(connection)["scores"]


def test_a_backup_holds_everything_and_says_so(filled: Home) -> None:
    path, manifest = back_up(filled)
    with reading(filled) as connection:
        assert manifest.tables == table_counts(connection)
    assert manifest.tables["scores"] == 3
    assert check_backup(path) == manifest
    with duckdb.connect(str(path / "warehouse.duckdb"), read_only=True) as copy:
        assert copy.execute("SELECT count(*) FROM setting_scores").fetchone() == (3,)


def test_the_newest_stay_whatever_the_clock_says(
    filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse import backup, database

    back_up(filled)
    for module in (backup, database):
        monkeypatch.setattr(module, "now", lambda: database.datetime(1970, 1, 1))
    newest, manifest = back_up(filled, keep=1)
    assert manifest.made_at.startswith("1970")
    assert backups(filled) == [newest]


def test_a_restore_on_another_machine_has_the_same_board(filled: Home, tmp_path: Path) -> None:
    path, manifest = back_up(filled)
    other = Home.create(tmp_path / "other")
    done = restore(other, path)
    assert (done.replaced, done.landed_since) == (None, 0)
    with reading(filled) as here, reading(other) as there:
        query = "SELECT * FROM leaderboard ORDER BY ALL"
        assert here.execute(query).fetchall() == there.execute(query).fetchall()
        assert table_counts(there) == manifest.tables
    assert (other.catalogue / "local.yaml").read_text() == "models: []\n"


@pytest.mark.parametrize("reload", [True, False])
def test_what_landed_after_the_backup_comes_again_or_stays_out(filled: Home, reload: bool) -> None:
    path, _ = back_up(filled)
    write_landing(evaluated("later"), filled.incoming)
    load_landing(filled)
    done = restore(filled, path, reload)
    assert done.landed_since == (3 if reload else 0)
    assert scores(filled) == (6 if reload else 3)
    assert done.replaced is not None
    old = Path(done.replaced) / "warehouse.duckdb"
    with duckdb.connect(str(old), read_only=True) as kept:
        assert kept.execute("SELECT count(*) FROM scores").fetchone() == (6,)


def test_a_damaged_backup_is_refused_and_changes_nothing(filled: Home) -> None:
    path, _ = back_up(filled)
    file = path / "warehouse.duckdb"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="not as it was written"):
        restore(filled, path)
    with pytest.raises(InputError, match="is no backup"):
        restore(filled, filled.catalogue)
    assert scores(filled) == 3
    assert not list(filled.backups.glob("replaced-*"))


def test_a_backup_of_a_newer_version_is_refused_with_both_versions(
    filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, manifest = back_up(filled)
    older = migrations()[:-1]
    monkeypatch.setattr("warehouse.backup.migrations", lambda: older)
    said = rf"schema {manifest.schema}.* up to {older[-1].number}"
    with pytest.raises(ProxyLMError, match=said):
        restore(filled, path)


def test_a_file_made_before_a_migration_can_be_restored(filled: Home, tmp_path: Path) -> None:
    path, _ = back_up(filled)
    bare = tmp_path / "before-0002.duckdb"
    (path / "warehouse.duckdb").rename(bare)
    other = Home.create(tmp_path / "other")
    assert restore(other, bare).manifest.tables["scores"] == 3
    empty = tmp_path / "empty.duckdb"
    duckdb.connect(str(empty)).close()
    with pytest.raises(InputError, match="no warehouse"):
        restore(other, empty)
