"""`plm-admin rescore`: what it adds, that it adds it once, and what it says."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxylm.landing import write_landing
from tests.cli.conftest import Run
from tests.scorer import OVERLAP, program
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing

MT = ["BLEU", "TER", "chrF2", "chrF2++"]


@pytest.fixture
def translated(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """Two models with a translation each, of which one's hypotheses are lost, and one intent."""
    for name in ("PLM_FLORES200_SPM", "PLM_SPM", "PLM_COMET_PYTHON", "PLM_COMET_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    for model in ("proxy", "lost"):
        bundle = evaluated(model, targets=("fra_Latn",))
        path = f"runs/{model}.parquet"
        bundle.evaluations[:] = [replace(e, task="mt", hypotheses=path) for e in bundle.evaluations]
        bundle.scores.clear()
        write_landing(bundle, home.incoming)
        if model == "proxy":
            row = {
                "evaluation_key": bundle.evaluations[0].evaluation_key,
                "hypothesis": "le chat dort ici",
                "reference": "le chat dort là",
                "source": "the cat sleeps there",
            }
            table = pa.Table.from_pylist([{**row, "segment": i} for i in range(3)])
            pq.write_table(table, home.path / path)
    write_landing(evaluated("third", targets=("fra_Latn",)), home.incoming)
    load_landing(home)
    return home


def metrics(home: Home) -> list[str]:
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT metric FROM scores JOIN evaluations USING (evaluation_key) "
            "WHERE hypotheses IS NOT NULL ORDER BY metric"
        ).fetchall()
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []
    return [name for (name,) in rows]


def test_scores_are_added_once_and_lost_files_are_named(plm: Run, translated: Home) -> None:
    result = plm("rescore")
    assert result.out.splitlines() == [
        "evaluations read: 1",
        "scores added: 4",
        "hypotheses missing: 1",
    ]
    assert "runs/lost.parquet: the file is not there" in result.err
    assert result.code == 1
    assert metrics(translated) == MT

    landed = len(list(translated.loaded.iterdir()))
    again = plm("rescore", "--model", "proxy", "--task", "mt", "--json")
    assert again.code == 0
    assert (again.json["read"], again.json["added"], again.json["missing"]) == (1, 0, {})
    assert len(list(translated.loaded.iterdir())) == landed


def test_comet_joins_when_its_environment_is_named(
    plm: Run, translated: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "comet" not in metrics(translated)
    result = plm("rescore", "--metric", "comet")
    assert result.code == 2
    assert "PLM_COMET_PYTHON" in result.err

    monkeypatch.setenv("PLM_COMET_PYTHON", program(tmp_path, OVERLAP))
    assert plm("rescore", "--metric", "comet", "--model", "proxy").code == 0
    assert metrics(translated) == ["comet"]

    monkeypatch.setenv("PLM_COMET_PYTHON", program(tmp_path, "sys.exit('broken')"))
    result = plm("rescore", "--model", "proxy")
    assert result.code == 1
    assert "scores added: 4" in result.out
    assert "said 'broken'" in result.err
    assert metrics(translated) == [*MT, "comet"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "bleurt"], "unknown metric 'bleurt'; use one of spBLEU, BLEU"),
        (["--metric", "spBLEU"], "no spBLEU: there is no"),
        (["--task", "summary"], "unknown task"),
        (["--model", "prox"], "unknown model 'prox'"),
    ],
)
def test_what_does_not_exist_is_said_before_anything_is_read(
    plm: Run, translated: Home, options: list[str], message: str
) -> None:
    result = plm("rescore", *options)
    assert result.code == 2
    assert message in result.err
    assert metrics(translated) == []
