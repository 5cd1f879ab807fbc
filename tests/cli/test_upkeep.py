"""The commands that look after a home, as typed."""

import sys
from pathlib import Path

import pytest

from proxylm.landing import write_landing
from tests.cli.conftest import Run
from tests.warehouse.builders import evaluated
from warehouse.database import writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.snapshot import publish_snapshot


@pytest.fixture
def filled(home: Home) -> Home:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    return home


def test_backup_and_restore(plm: Run, filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plm("backup", "--json").json
    assert made["scores"] == 3
    monkeypatch.setattr(sys.stdin, "readline", lambda *_: "n\n")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert plm("restore", made["backup"]).code == 1
    assert not list(filled.backups.glob("replaced-*"))
    done = plm("restore", made["backup"], "--yes", "--json").json
    assert Path(done["replaced"]).parent == filled.backups
    elsewhere = filled.path.parent / "elsewhere"
    assert plm("restore", made["backup"], "--home", elsewhere).code == 0
    assert plm("status", "--home", elsewhere, "--json").json["scores"] == 3


def test_export_and_import(plm: Run, filled: Home, tmp_path: Path) -> None:
    folder, other = tmp_path / "export", tmp_path / "other"
    assert plm("export", folder, "--json").json["rows"]["scores"] == 3
    assert plm("export", folder).code == 2
    assert plm("import", folder, "--home", other).code == 0
    assert plm("status", "--home", other, "--json").json["scores"] == 3
    refused = plm("import", folder, "--home", other)
    assert refused.code == 2
    assert "not empty" in refused.err


def test_check_and_maintain(plm: Run, filled: Home) -> None:
    assert plm("check").out == "all rules are kept\n"
    assert plm("check", "--json").json == []
    assert plm("maintain", "--json").json["problems"] == []
    with writing(filled, "test") as connection:
        connection.execute("DELETE FROM evaluations")
        publish_snapshot(filled, connection)
    found = plm("check", "--json")
    assert found.code == 1
    assert {row["rule"] for row in found.json} == {"score without its evaluation"}
    assert len(found.json) == 3
    failed = plm("maintain")
    assert failed.code == 1
    assert "plm-admin check" in failed.err
