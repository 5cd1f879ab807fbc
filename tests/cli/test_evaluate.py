"""`plm-admin evaluate`: parts of the plan, with limits, budgets and bad input."""

import pytest

from tests.cli.conftest import Run
from warehouse.home import Home

CATALOGUE = """
corpora:
  - id: toy
    task: mt
    train_size: 6
    test_size: 6
    parts:
      - {language: eng_Latn, with_language: spa_Latn, path: corpora/es.tsv}
      - {language: eng_Latn, with_language: fra_Latn, path: corpora/fr.tsv}
models:
  - id: copies
    kind: command
    config: {command: [cat]}
    mode: zero_shot
    role: proxy
    tasks: [mt]
  - id: fails
    kind: command
    config: {command: ["false"]}
    mode: zero_shot
    role: proxy
    tasks: [mt]
  - id: slow
    kind: command
    config: {command: [sh, -c, "sleep 1; cat"]}
    mode: zero_shot
    role: proxy
    tasks: [mt]
"""


@pytest.fixture
def toy(home: Home) -> Home:
    for language in ("es", "fr"):
        lines = "".join(f"a line {i}\t{language} line {i}\n" for i in range(12))
        (home.corpora / f"{language}.tsv").write_text(lines)
    (home.catalogue / "toy.yaml").write_text(CATALOGUE)
    return home


def test_only_what_is_asked_for_is_evaluated(plm: Run, toy: Home) -> None:
    result = plm("evaluate", "--model", "copies", "--target", "Spanish", "--json")
    assert result.code == 0
    assert result.json["evaluations_made"] == 1
    again = plm("evaluate", "--model", "copies", "--target", "spa")
    assert again.out == "evaluations made: 0 of 0 missing\n"
    (row,) = plm(
        "sql", "--json", "SELECT target_lang, value FROM scores JOIN evaluations "
        "USING (evaluation_key) WHERE metric = 'chrF2'"
    ).json  # fmt: skip
    assert row["target_lang"] == "spa_Latn"
    assert 0 < row["value"] < 100


def test_a_limited_score_is_marked_and_stays_off_the_settings(plm: Run, toy: Home) -> None:
    assert plm("evaluate", "--model", "copies", "--target", "spa_Latn", "--limit", 3).code == 0
    rows = plm("sql", "--json", "SELECT segment_limit, n_segments FROM evaluations").json
    assert rows == [{"segment_limit": 3, "n_segments": 3}]
    assert plm("sql", "--json", "SELECT count(*) AS n FROM setting_scores").json == [{"n": 0}]


def test_a_failure_is_said_and_the_others_are_done(plm: Run, toy: Home) -> None:
    result = plm("evaluate", "--target", "spa_Latn", "--json")
    assert result.code == 1
    assert "fails failed: false ended with 1: no output" in result.err
    assert result.json["evaluations_made"] == 2
    assert [f["what"] for f in result.json["failed"]] == ["fails"]
    status = plm("status", "--json").json
    assert [f["model"] for f in status["failed_trainings"]] == ["fails"]
    assert status["parked_evaluations"] == []


def test_it_is_parked_after_three_times_and_status_says_why(plm: Run, toy: Home) -> None:
    for _ in range(3):
        assert plm("evaluate", "--model", "fails", "--target", "spa_Latn").code == 1
    result = plm("evaluate", "--model", "fails", "--target", "spa_Latn")
    assert result.code == 0
    assert "parked, false ended with 1: no output; --retry-parked tries again" in result.out
    (found,) = plm("status", "--json").json["parked_evaluations"]
    assert found["model"] == "fails"
    assert found["tests"] == "toy:eng_Latn-spa_Latn"
    assert plm("plan", "--json").json["parked"]
    assert plm("evaluate", "--model", "fails", "--retry-parked").code == 1


def test_a_budget_leaves_the_rest_for_the_next_time(plm: Run, toy: Home) -> None:
    result = plm("evaluate", "--model", "slow", "--max-cost", 0.01, "--cost-per-hour", 30, "--json")
    assert result.code == 0  # 1.2 seconds: room for one that takes a second, not for two
    assert result.json["evaluations_made"] == 1
    assert result.json["trainings_left_by_the_budget"] == 1
    assert plm("evaluate", "--model", "slow", "--max-gpu-hours", 1, "--json").json[
        "evaluations_made"
    ] == 1  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "copy"], "the catalogue has no model 'copy'; did you mean copies?"),
        (["--task", "translation"], "unknown task 'translation'"),
        (["--source", "Englsh"], "did you mean"),
        (["--limit", "0"], "--limit"),
        (["--max-cost", "3"], "--max-cost needs --cost-per-hour"),
    ],
)
def test_what_does_not_exist_is_refused(
    plm: Run, toy: Home, options: list[str], message: str
) -> None:
    result = plm("evaluate", *options)
    assert result.code == 2
    assert message in result.err


def test_a_device_that_is_not_there_is_said(plm: Run, toy: Home) -> None:
    result = plm("evaluate", "--model", "copies", "--device", "cuda:7", "--json")
    assert result.code == 1
    assert "device cuda:7 cannot be used here" in result.err
    ((what, reason),) = [failed.values() for failed in result.json["failed"]]
    assert what == "copies: 2 trainings, 2 tests"
    assert "exit code 2" in reason


def test_a_batch_is_not_begun_for_less_than_its_model_took_before(
    plm: Run, toy: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.plan.JOBS_PER_BATCH", 1)
    monkeypatch.setenv("PLM_COST_PER_HOUR", "30")
    done = plm("evaluate", "--model", "slow", "--max-cost", 0.012, "--json").json
    assert (done["evaluations_made"], done["trainings_left_by_the_budget"]) == (1, 1)
