"""Missing scores from kept hypotheses: all of them, once, and without a model."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxylm.evaluation.comet import Comet
from proxylm.evaluation.metrics import measure
from proxylm.evaluation.rescore import Kept, rescore
from tests.scorer import OVERLAP, program

MT = {"BLEU", "chrF2", "chrF2++", "TER"}
SAID = ["a small house", "two cats sleep here now", "the door opens"]
TRUE = ["a small house", "two cats are asleep here", "the door is open"]
SOURCES = ["ein kleines Haus", "zwei Katzen schlafen hier", "die Tür ist offen"]


@pytest.fixture(autouse=True)
def no_spm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLM_FLORES200_SPM", "PLM_SPM"):
        monkeypatch.delenv(name, raising=False)


def write(path: Path, evaluations: dict[str, tuple[list[str], list[str]]], source: bool) -> None:
    """A file of hypotheses, its rows in no good order."""
    rows = [
        {"evaluation_key": key, "segment": i, "hypothesis": h, "reference": r, "source": s}
        for key, (said, true) in evaluations.items()
        for i, (h, r, s) in enumerate(zip(said, true, SOURCES, strict=True))
    ]
    table = pa.Table.from_pylist(rows[::-1])
    pq.write_table(table if source else table.drop_columns("source"), path)


@pytest.fixture
def kept(tmp_path: Path) -> list[Kept]:
    """Two translations in one file, and labels and tags in an older one."""
    write(tmp_path / "mt.parquet", {"k1": (SAID, TRUE), "k2": (TRUE, TRUE)}, source=True)
    labels = (["on", "off", "on"], ["on", "on", "on"])
    tags = (["O B-a I-a"] * 3, ["O B-a O", "O B-a I-a", "O O O"])
    write(tmp_path / "old.parquet", {"k3": labels, "k4": tags, "k5": (SAID, TRUE)}, source=False)
    return [
        Kept("k1", "mt", "eng_Latn", "mt.parquet"),
        Kept("k2", "mt", "eng_Latn", "mt.parquet"),
        Kept("k3", "intent", "eng_Latn", "old.parquet"),
        Kept("k4", "slot", "eng_Latn", "old.parquet"),
        Kept("k5", "mt", "eng_Latn", "old.parquet"),
    ]


def test_every_missing_score_is_made_and_a_second_time_none(
    kept: list[Kept], tmp_path: Path
) -> None:
    done = rescore(kept, set(), tmp_path)
    assert (done.read, done.missing, done.without_source) == (5, {}, 0)
    made = {(s.evaluation_key, s.metric): s for s in done.scores}
    expected = {(key, metric) for key in ("k1", "k2", "k5") for metric in MT}
    assert set(made) == expected | {("k3", "accuracy"), ("k4", "f1")}
    for measured in measure("mt", SAID, TRUE, target_lang="eng_Latn"):
        score = made["k1", measured.metric]
        assert (score.value, score.half_width) == (measured.value, measured.half_width)
        assert score.signature == measured.signature
    assert made["k3", "accuracy"].value == pytest.approx(200 / 3)
    assert made["k4", "f1"].value == pytest.approx(100 * 2 * 1 / (3 + 2))
    assert {s.origin for s in done.scores} == {"measured"}

    present = {s.score_key for s in done.scores}
    assert rescore(kept, present, tmp_path).scores == []
    present.remove(made["k2", "TER"].score_key)
    assert rescore(kept, present, tmp_path).scores == [made["k2", "TER"]]


def test_only_one_metric(kept: list[Kept], tmp_path: Path) -> None:
    done = rescore(kept, set(), tmp_path, metric="chrF2")
    assert [(s.evaluation_key, s.metric) for s in done.scores] == [
        ("k1", "chrF2"),
        ("k2", "chrF2"),
        ("k5", "chrF2"),
    ]


def test_what_cannot_be_scored_is_named_and_the_rest_is_done(
    kept: list[Kept], tmp_path: Path
) -> None:
    (tmp_path / "torn.parquet").write_bytes((tmp_path / "mt.parquet").read_bytes()[:200])
    write(tmp_path / "tags.parquet", {"k9": (["O X O"] * 3, ["O O O"] * 3)}, source=False)
    bad = [
        Kept("k6", "mt", "eng_Latn", "gone.parquet"),
        Kept("k7", "mt", "eng_Latn", "torn.parquet"),
        Kept("k8", "mt", "eng_Latn", "mt.parquet"),
        Kept("k9", "slot", "eng_Latn", "tags.parquet"),
    ]
    done = rescore([*bad, *kept], set(), tmp_path)
    assert len(done.scores) == 3 * len(MT) + 2
    assert done.missing["gone.parquet"] == "the file is not there"
    assert done.missing["torn.parquet"].startswith("cannot be read (")
    assert done.missing["mt.parquet, evaluation k8"] == "it has no lines there"
    assert "not BIO" in done.missing["tags.parquet, evaluation k9"]
    assert len(done.missing) == 4


def test_comet_scores_what_has_its_source_and_loads_its_model_once(
    kept: list[Kept], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    count = f"open({str(log)!r}, 'a').write(f'{{len(lines)}} ')\n"
    comet = Comet(program(tmp_path, OVERLAP + count))
    done = rescore(kept, set(), tmp_path, "comet", comet)
    found = {s.evaluation_key: s.value for s in done.scores}
    assert found == {"k1": pytest.approx((1 + 3 / 7 + 2 / 5) / 3), "k2": 1.0}
    assert (done.without_source, done.comet_failed) == (1, None)
    assert log.read_text() == "0 6 "  # its version, then both evaluations

    again = rescore(kept, {s.score_key for s in done.scores}, tmp_path, "comet", comet)
    assert again.scores == []
    assert log.read_text() == "0 6 0 "


def test_a_comet_that_fails_does_not_take_the_other_metrics_with_it(
    kept: list[Kept], tmp_path: Path
) -> None:
    comet = Comet(program(tmp_path, "sys.exit('no such model')"))
    done = rescore(kept, set(), tmp_path, comet=comet)
    assert len(done.scores) == 3 * len(MT) + 2
    assert done.comet_failed is not None
    assert "no such model" in done.comet_failed


def test_it_needs_neither_torch_nor_comet() -> None:
    code = (
        "import sys\nfor name in ('torch', 'transformers', 'comet'): sys.modules[name] = None\n"
        "import proxylm.evaluation.rescore, tasks.rescore"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
