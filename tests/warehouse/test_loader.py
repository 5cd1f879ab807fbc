"""The loader: each landing file whole or not at all, nothing twice, nothing silently lost."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxylm.landing import write_landing
from proxylm.records import Bundle, Corpus, Feature, Model
from tests.warehouse.builders import costing, evaluated, make_version_1
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import known_scores, load_landing, register


def count(home: Home, table: str) -> int:
    with reading(home) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_file_is_loaded_published_and_moved_away(home: Home) -> None:
    path = write_landing(evaluated(), home.incoming)
    report = load_landing(home)
    assert (report.evaluations, report.repeated, report.files_loaded) == (3, 0, 1)
    assert count(home, "scores") == 3
    assert not path.exists()
    assert (home.loaded / path.name).exists()


def test_loading_the_same_again_changes_nothing_and_is_counted(home: Home) -> None:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    snapshot = home.snapshot.resolve()
    write_landing(evaluated(), home.incoming)
    report = load_landing(home)
    assert not report.changed
    assert report.repeated == 3
    assert home.snapshot.resolve() == snapshot


def test_a_record_that_stands_twice_in_a_file_is_loaded_once(home: Home) -> None:
    bundle = evaluated()
    corpora = [
        Corpus("c", "a", "a", "f", "intent", n, None, None, None, "test") for n in (1, 1, None)
    ]
    features = [Feature("k", "s", name, 1.0, False) for name in ("x", "y", "x")]
    write_landing(replace(bundle, corpora=corpora, features=features), home.incoming)
    load_landing(home)
    assert (count(home, "corpora"), count(home, "features")) == (1, 2)


def test_another_value_for_a_score_that_is_there_rejects_the_whole_file(home: Home) -> None:
    write_landing(evaluated(value=50), home.incoming)
    load_landing(home)
    bad = evaluated(value=51)
    path = write_landing(replace(bad, features=[Feature("k", "s", "x", 1, False)]), home.incoming)
    report = load_landing(home)
    assert "with another value: 50 and 51" in report.files_rejected[path.name]
    assert (home.rejected / path.name).exists()
    reason = (home.rejected / f"{path.stem}.reason.txt").read_text()
    assert "50 and 51" in reason
    assert count(home, "features") == 0


def test_two_values_for_one_score_in_a_file_reject_it(home: Home) -> None:
    bundle = evaluated()
    twice = [*bundle.scores, replace(bundle.scores[0], value=1.0)]
    path = write_landing(replace(bundle, scores=twice), home.incoming)
    assert "twice in the file" in load_landing(home).files_rejected[path.name]
    assert count(home, "runs") == 0


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_a_torn_file_is_rejected_with_a_reason_and_the_others_load(home: Home, keep: int) -> None:
    whole = write_landing(evaluated("other"), home.incoming)
    torn = home.incoming / "torn.parquet"
    torn.write_bytes(whole.read_bytes()[:keep])
    report = load_landing(home)
    assert list(report.files_rejected) == ["torn.parquet"]
    assert (home.rejected / "torn.reason.txt").read_text().strip()
    assert count(home, "scores") == 3


def test_a_parquet_file_of_another_kind_is_rejected(home: Home) -> None:
    pq.write_table(pa.table({"a": [1]}), home.incoming / "a.parquet")
    assert "no landing file" in load_landing(home).files_rejected["a.parquet"]


def test_a_file_of_the_first_version_loads_and_what_it_lacks_is_unknown(home: Home) -> None:
    path = write_landing(costing(evaluated(), 2.0, 1.0, "a GPU", tokens_in=5), home.incoming)
    path = make_version_1(path)
    assert "tokens_in" not in [field.name for field in pq.read_schema(path).field(5).type]
    assert load_landing(home).evaluations == 3
    with reading(home) as connection:
        run = "SELECT wall_seconds, curve, train_tokens, energy_joules FROM runs"
        assert connection.execute(run).fetchall() == [(2.0, None, None, None)]
        test = "SELECT DISTINCT wall_seconds, tokens_in, gpu_seconds FROM evaluations"
        assert connection.execute(test).fetchall() == [(1.0, None, None)]


def test_a_file_of_a_later_version_is_rejected_with_both_versions(home: Home) -> None:
    path = write_landing(evaluated(), home.incoming)
    table = pq.read_table(path)
    path.unlink()
    path = path.with_name("later.parquet")
    pq.write_table(table.replace_schema_metadata({"plm_landing": "9"}), path)
    reason = load_landing(home).files_rejected[path.name]
    assert "version 9, this program reads 1 and 2" in reason


def test_what_a_run_and_an_evaluation_used_is_kept(home: Home) -> None:
    bundle = evaluated(targets=("swh_Latn",))
    used = replace(bundle.runs[0], curve="runs/x/curve.jsonl", train_tokens=7, energy_joules=1.5)
    test = replace(bundle.evaluations[0], tokens_in=3, tokens_out=2, energy_joules=0.5)
    write_landing(replace(bundle, runs=[used], evaluations=[test]), home.incoming)
    load_landing(home)
    with reading(home) as connection:
        run = "SELECT curve, train_tokens, peak_gpu_memory_bytes, energy_joules FROM runs"
        assert connection.execute(run).fetchall() == [("runs/x/curve.jsonl", 7, None, 1.5)]
        test_query = "SELECT tokens_in, tokens_out, gpu_seconds, energy_joules FROM evaluations"
        assert connection.execute(test_query).fetchall() == [(3, 2, None, 0.5)]


def test_the_catalogue_replaces_its_definitions_and_says_when_nothing_changed(home: Home) -> None:
    model = Model("m", "1", "kind", None, ("fine_tuned",), (), "catalogue")
    assert register(home, [], [model], []) == 1
    assert register(home, [], [model], []) == 0
    estimated = replace(model, proxy_modes=(), estimated_modes=("fine_tuned",))
    assert register(home, [], [estimated], []) == 1
    with reading(home) as connection:
        assert connection.execute("SELECT estimated_modes FROM models").fetchall() == [
            (["fine_tuned"],)
        ]


def test_known_scores_are_those_that_are_there(home: Home) -> None:
    bundle = evaluated(value=50)
    write_landing(bundle, home.incoming)
    load_landing(home)
    key = bundle.scores[0].score_key
    with reading(home) as connection:
        assert known_scores(connection, [key, "absent"]) == {key: 50}


def test_the_published_records_load_whole_and_break_no_rule(published_home: Home) -> None:
    assert count(published_home, "scores") == 69_585
    assert count(published_home, "settings") == 1_954 + 2_601
    assert count(published_home, "data_checks") == 0
    with reading(published_home) as connection:
        zero_shot = connection.execute(
            "SELECT count(DISTINCT evaluation_key), count(*) FROM setting_scores "
            "WHERE mode = 'zero_shot' AND model_id = 'nllb-1.3b' AND metric = 'spBLEU'"
        ).fetchone()
    assert zero_shot == (538, 1_954)


def test_empty_bundles_load(home: Home) -> None:
    write_landing(Bundle(), home.incoming)
    assert not load_landing(home).changed
