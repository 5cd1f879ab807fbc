"""import-records and import-scores: counted, repeatable, and nothing half-written."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.release import write_release
from warehouse.database import reading
from warehouse.home import Home

SCORES = """task,model,mode,source_lang,target_lang,train_corpus,test_corpus,metric,value
intent,aya-23-8b,fine_tuned,sw,fr,mine,mine,accuracy,61.5
intent,aya-23-8b,fine_tuned,sw,de,mine,mine,accuracy,high
"""


def count(home: Home, table: str) -> int:
    with reading(home) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_importing_the_published_records_accounts_for_every_row(
    plm: Run, home: Home, records: Path
) -> None:
    files = [records / f"{name}_experiments.csv" for name in ("mt560", "intent")]
    result = plm("import-records", *files)
    assert result.code == 0
    assert "mt560_experiments.csv: 1954 rows read = 1954 loaded + 0 rejected" in result.out
    assert "intent_experiments.csv: 2601 rows read = 2601 loaded + 0 rejected" in result.out
    assert count(home, "scores") == 69_585
    assert count(home, "language_facts") == 5 * count(home, "languages")
    assert count(home, "model_languages") > 400
    snapshot = home.snapshot.resolve()

    again = plm("import-records", *files, "--json")
    assert again.json["new"] == {} or not any(again.json["new"].values())
    assert home.snapshot.resolve() == snapshot


def test_a_folder_of_the_release_is_imported(plm: Run, home: Home, tmp_path: Path) -> None:
    write_release(tmp_path, ("intent_experiments.csv",))
    result = plm("import-records", tmp_path)
    assert "intent_experiments.csv: 64 rows read = 64 loaded + 0 rejected" in result.out
    (tmp_path / "empty").mkdir()
    result = plm("import-records", tmp_path / "empty")
    assert result.code == 1
    assert "holds none of mt560_experiments.csv" in result.err


def test_another_value_for_a_known_score_is_rejected_with_both_and_the_rest_loads(
    plm: Run, home: Home, records: Path, tmp_path: Path
) -> None:
    lines = (records / "intent_experiments.csv").read_text().splitlines()
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("\n".join(lines[:2]) + "\n")
    cells = lines[1].split(",")
    cells[2] = "1.25"
    second.write_text("\n".join([lines[0], ",".join(cells), lines[2]]) + "\n")
    assert plm("import-records", first).code == 0
    result = plm("import-records", second)
    assert result.code == 1
    assert "2 rows read = 1 loaded + 1 rejected" in result.out
    assert "line 2: accuracy is 1.25 here and 59.2468 in the warehouse" in result.err
    assert count(home, "settings") == 2


def test_a_bad_file_beside_a_good_one_leaves_nothing(
    plm: Run, home: Home, records: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("")
    result = plm("import-records", records / "intent_experiments.csv", bad)
    assert result.code == 1
    assert result.err == f"error: {bad} is empty; it needs a header line and rows\n"
    assert count(home, "scores") == 0
    assert list(home.incoming.iterdir()) == []


def test_own_scores_stand_on_the_board(plm: Run, home: Home, records: Path, tmp_path: Path) -> None:
    plm("import-records", records / "intent_experiments.csv")
    path = tmp_path / "scores.csv"
    path.write_text(SCORES)
    result = plm("import-scores", path)
    assert result.code == 1
    assert "2 rows read = 1 loaded + 1 rejected" in result.out
    assert "line 3: value is 'high', not a number" in result.err
    rows = plm("leaderboard", "--language", "fr", "--model", "aya-23-8b", "--json").json
    (mine,) = (row for row in rows if row["train_corpus"] == "mine")
    assert (mine["observed"], mine["status"]) == (61.5, "observed")


def test_scores_of_a_model_that_was_just_added_are_imported(
    plm: Run, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(SCORES.replace("aya-23-8b", "ours"))
    assert "unknown model 'ours'" in plm("import-scores", path).err
    plm("add-model", "ours", "--kind", "byte-transformer", "--role", "estimated")
    result = plm("import-scores", path)
    assert "2 rows read = 1 loaded + 1 rejected" in result.out


def test_a_score_of_a_result_file_is_named_by_its_number(
    plm: Run, home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "MassiveIntentClassification.json"
    score = {"hf_subset": "sw", "languages": ["swa-Latn"], "accuracy": 0.5}
    path.write_text(
        json.dumps({"task_name": "MassiveIntentClassification", "scores": {"test": [score]}})
    )
    assert "Classification.json, score 1: MassiveIntentClassification test sw: the file" in (
        plm("import-scores", path).err
    )
