"""status, doctor, sql, list and leaderboard: words for people, JSON for programs."""

import csv
import io
import sys
from dataclasses import replace

import pytest

from proxylm.landing import write_landing
from proxylm.records import Run as RunRecord
from tests.cli.conftest import Run
from tests.warehouse.builders import costing, evaluated
from warehouse.home import Home
from warehouse.loader import load_landing


@pytest.fixture
def small(home: Home) -> Home:
    """A home with a proxy and an estimated model."""
    write_landing(evaluated("proxy"), home.incoming)
    write_landing(evaluated("estimated", value=60, role="estimated"), home.incoming)
    load_landing(home)
    return home


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["leaderboard"],
        ["plan"],
        ["doctor"],
        ["retrain"],
        ["list", "languages"],
        ["list", "models"],
        ["list", "corpora"],
        ["list", "settings"],
        ["sql", "SELECT * FROM setting_scores"],
        ["predict", "--task", "intent", "--source", "en", "--target", "sw"],
    ],
)
def test_json_parses_and_words_stay_off_stdout(plm: Run, small: Home, arguments: list[str]) -> None:
    result = plm(*arguments, "--json")
    assert result.code == 0, result.err
    assert result.json is not None


def test_the_board_shows_the_estimated_model(plm: Run, small: Home) -> None:
    result = plm("leaderboard")
    assert "estimated" in result.out
    assert "swh_Latn" in result.out
    assert "no predictor yet" in result.out


def test_an_empty_board_says_how_to_fill_it(plm: Run, home: Home) -> None:
    assert "plm-admin import-records" in plm("leaderboard").out


def test_retraining_with_too_little_says_what_is_missing(plm: Run, small: Home) -> None:
    result = plm("retrain")
    assert result.code == 0
    assert "enough observed scores" in result.out


def test_sql_prints_csv(plm: Run, small: Home) -> None:
    out = plm("sql", "SELECT model_id, value FROM setting_scores ORDER BY ALL", "--csv").out
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["model_id", "value"]
    assert rows[1] == ["estimated", "60.0"]


def test_sql_cannot_write_nor_read_files(plm: Run, small: Home) -> None:
    for query in ("DELETE FROM scores", "SELECT * FROM read_csv('/etc/hostname')", "SELEC 1"):
        result = plm("sql", query)
        assert result.code == 1
        assert "the query failed" in result.err


def test_status_counts(plm: Run, small: Home) -> None:
    status = plm("status", "--json").json
    assert status["scores"] == 6
    assert status["board"] == {"observed": 3, "predicted": 0, "abstained": 0}
    assert status["failed_trainings"] == []
    said = plm("status").out
    assert "board: observed 3, predicted 0, abstained 0\n" in said
    assert "rejected files: none\n" in said


@pytest.fixture
def costly(home: Home) -> Home:
    """A proxy of 4 s and an estimated model of 18 s a setting, and two failed runs."""
    proxy = costing(evaluated("proxy"), 6.0, 2.0)
    failed = [failed_run(proxy.runs[0], name, "out of memory") for name in ("a", "b")]
    write_landing(replace(proxy, runs=[*proxy.runs, *failed]), home.incoming)
    estimated = evaluated("estimated", value=60, role="estimated")
    write_landing(costing(estimated, 30.0, 8.0), home.incoming)
    load_landing(home)
    return home


def failed_run(run: RunRecord, run_id: str, reason: str) -> RunRecord:
    return replace(run, run_id=run_id, status="failed", reason=reason, wall_seconds=1.0)


def test_the_board_says_what_it_costs(plm: Run, costly: Home) -> None:
    result = plm("leaderboard")
    assert (
        "intent, fine_tuned: proxies cost 4 s a setting, estimated 18 s measured: 4.5x"
        in result.out
    )
    assert "speed-up" in result.out
    assert "4.5" in next(line for line in result.out.splitlines() if "swh_Latn" in line)
    row = plm("leaderboard", "--json").json[0]
    assert (row["proxy_seconds"], row["estimated_seconds"]) == (4.0, 18.0)
    assert (row["estimated_basis"], row["speed_up"]) == ("measured", 4.5)


def test_a_board_without_known_costs_says_nothing_of_them(plm: Run, small: Home) -> None:
    out = plm("leaderboard").out
    assert "a setting" not in out
    assert plm("leaderboard", "--json").json[0]["speed_up"] is None


def test_status_groups_failures_and_adds_up_costs(plm: Run, costly: Home) -> None:
    status = plm("status", "--json").json
    assert status["failed_runs_by_reason"] == [
        {"reason": "out of memory", "runs": 2, "models": ["proxy"]}
    ]
    assert status["total_cost"] == {
        "runs": 4,
        "failed_runs": 2,
        "evaluations": 6,
        "seconds": 6 + 6 + 30 + 24 + 2.0,
        "gpu_seconds": None,
        "energy_joules": None,
    }
    out = plm("status").out
    assert "out of memory" in out
    assert "total cost" in out


def found(plm: Run, check: str, *arguments: str) -> dict[str, str]:
    findings = {finding["check"]: finding for finding in plm("doctor", "--json", *arguments).json}
    return dict(findings[check])


def test_doctor_names_what_never_ran_on_a_gpu(plm: Run, home: Home) -> None:
    assert "byte-transformer (torch), decoder-only" in found(plm, "GPU runs")["found"]
    ran = costing(evaluated("proxy"), 6.0, 1.0, device="NVIDIA H100")
    runs = [replace(run, arguments='{"kind": "byte-transformer"}') for run in ran.runs]
    tests = [replace(e, backend="torch") for e in ran.evaluations]
    write_landing(replace(ran, runs=runs, evaluations=tests), home.incoming)
    load_landing(home)
    never = found(plm, "GPU runs")
    assert never["ok"]
    assert "byte-transformer" not in never["found"]
    assert "encoder-decoder (torch, ctranslate2)" in never["found"]


def test_doctor_wants_a_comet_python_that_can_be_started(
    plm: Run, small: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLM_COMET_PYTHON", raising=False)
    assert found(plm, "COMET")["ok"]
    monkeypatch.setenv("PLM_COMET_PYTHON", "/nowhere/bin/python")
    broken = found(plm, "COMET")
    assert not broken["ok"]
    assert "/nowhere/bin/python" in broken["found"]
    monkeypatch.setenv("PLM_COMET_PYTHON", sys.executable)
    assert found(plm, "COMET")["ok"]


def test_doctor_asks_the_hub_only_when_told(
    plm: Run, small: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    assert plm("doctor").code == 0
    asked = found(plm, "model hub", "--hub")
    assert not asked["ok"]
    assert "127.0.0.1:9" in asked["found"]


def test_doctor_finds_a_home_that_others_can_read(plm: Run, small: Home) -> None:
    small.path.chmod(0o755)
    result = plm("doctor", "--json")
    assert result.code == 1
    (bad,) = (finding for finding in result.json if not finding["ok"])
    assert bad["check"] == "home mode"
    assert bad["remedy"] == f"chmod 700 {small.path}"


def test_doctor_without_a_home_says_so(plm: Run) -> None:
    result = plm("doctor", "--json")
    assert result.code == 1
    assert any("plm-admin init" in finding["found"] for finding in result.json)
