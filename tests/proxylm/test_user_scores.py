"""A user's own scores: both formats, every mistake named by its line."""

import json
from pathlib import Path

import pytest

from proxylm.errors import InputError
from proxylm.imports import ImportedRows
from proxylm.records import Model
from proxylm.user_scores import read_scores

MODELS = [Model("aya-23-8b", "published", "decoder-only", 8, (), ("fine_tuned",), "x")]
GOOD = {
    "task": "intent",
    "model": "aya-23-8b",
    "mode": "fine_tuned",
    "source_lang": "sw",
    "target_lang": "fra_Latn",
    "train_corpus": "massive",
    "test_corpus": "massive",
    "metric": "accuracy",
    "value": "61.5",
}


def read(tmp_path: Path, *rows: dict[str, str]) -> ImportedRows:
    path = tmp_path / "scores.csv"
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(row.get(n, "") for n in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return read_scores(path, MODELS)


def test_a_row_becomes_a_setting_with_its_score(tmp_path: Path) -> None:
    bundle = read(tmp_path, {**GOOD, "half_width": "1.5", "n_segments": "300"}).bundle
    (setting,), (score,) = bundle.settings, bundle.scores
    assert (setting.source_lang, setting.target_lang) == ("swh_Latn", "fra_Latn")
    assert (score.value, score.half_width, score.n_segments) == (61.5, 1.5, 300)
    assert score.source == "scores.csv:2"
    assert score.origin == "imported"
    (model,) = bundle.models
    assert (model.revision, model.estimated_modes) == ("user", ("fine_tuned",))


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text(json.dumps({**GOOD, "value": 61.5, "train_size": None}) + "\n\n")
    from_json = read_scores(path, MODELS).bundle
    from_csv = read(tmp_path, GOOD).bundle
    assert from_json.settings == from_csv.settings
    assert from_json.scores[0].score_key == from_csv.scores[0].score_key


def test_zero_shot_needs_no_training_corpus_and_makes_no_setting(tmp_path: Path) -> None:
    bundle = read(tmp_path, {**GOOD, "mode": "zero_shot", "train_corpus": ""}).bundle
    assert bundle.settings == []
    assert bundle.runs[0].train_corpus is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "intents"}, "did you mean intent?"),
        ({"mode": "tuned"}, "mode is 'tuned'"),
        ({"metric": "spBLEU"}, "metric is 'spBLEU', not one of accuracy"),
        ({"model": "aya-23"}, "unknown model 'aya-23'; did you mean aya-23-8b?"),
        ({"source_lang": "swahilli"}, "unknown language"),
        ({"value": "high"}, "value is 'high', not a number"),
        ({"value": "nan"}, "not a finite number"),
        ({"value": "161"}, "outside accuracy's range"),
        ({"value": ""}, "value is empty"),
        ({"train_corpus": ""}, "train_corpus is empty; fine_tuned needs one"),
        ({"half_width": "-1"}, "half_width is -1, below 0"),
        ({"n_segments": "2.5"}, "not a number of lines"),
        ({}, "the same score as line 2"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason_and_the_good_one_is_kept(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    imported = read(tmp_path, GOOD, {**GOOD, **changes})
    assert [r.line for r in imported.rejected] == [3]
    assert reason in imported.rejected[0].reason
    assert len(imported.rows) == 1


def test_comet_is_given_as_0_to_1(tmp_path: Path) -> None:
    row = {**GOOD, "task": "mt", "metric": "comet", "value": "85"}
    assert "give it as 0-1" in read(tmp_path, row).rejected[0].reason


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", b"task,model\nmt,x\n", "column mode, source_lang.* is missing"),
        ("s.csv", b"", "is empty"),
        ("s.csv", b"\xff\xfe", "not UTF-8"),
        ("s.jsonl", b"", "is empty"),
        ("s.jsonl", b"{]", "line 1: not JSON"),
        ("s.jsonl", b"[1]", "line 1: not a JSON object"),
        ("s.jsonl", b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_scores(path, MODELS)
    assert str(path) in str(caught.value)


def test_an_unknown_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown column 'half_with'; did you mean half_width"):
        read(tmp_path, {**GOOD, "half_with": "1"})
