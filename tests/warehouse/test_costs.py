"""The cost ledger: sums that add up, extrapolations named as such, and unknown never 0.

`proxy` and `estimated` are trained in English, French and Swahili; a training serves three tests.
"""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxylm import identity
from proxylm.landing import write_landing
from proxylm.records import Bundle
from tests.warehouse.builders import LANGUAGES, costing, evaluated
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing

LEDGER = """
SELECT estimated_basis, proxies, proxy_seconds, estimated_seconds, speed_up FROM cost_ledger
WHERE source_lang = '{source}' AND target_lang = '{target}'
"""


def load(home: Home, *bundles: Bundle) -> None:
    for bundle in bundles:
        write_landing(bundle, home.incoming)
    assert load_landing(home).files_rejected == {}


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with reading(home) as connection:
        return connection.execute(query).fetchall()


def ledger(home: Home, source: str = "eng_Latn", target: str = "swh_Latn") -> tuple[Any, ...]:
    (row,) = rows(home, LEDGER.format(source=source, target=target))
    return row


def imported(model_id: str, role: str, source: str = "eng_Latn") -> Bundle:
    return evaluated(model_id, source, role=role, origin="imported")


def test_a_training_is_paid_in_equal_parts_by_the_tests_it_serves(home: Home) -> None:
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        costing(evaluated("other"), 3.0, 0.5),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    # proxies 6/3 + 1 + 3/3 + 0.5, estimated 30/3 + 8
    assert ledger(home) == ("measured", 2, 4.5, 18.0, 4.0)
    shared = rows(home, "SELECT sum(seconds) FROM setting_costs")
    assert shared == rows(home, "SELECT sum(total_seconds) FROM run_costs")
    assert shared == [(6 + 3 + 3 + 1.5 + 30 + 24,)]


def test_where_it_did_not_run_the_cost_is_extrapolated_from_its_speed_elsewhere(home: Home) -> None:
    load(
        home,
        *(costing(evaluated("proxy", source), 6.0, 1.0) for source in LANGUAGES),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
        imported("estimated", "estimated", "fra_Latn"),
    )
    assert ledger(home, "fra_Latn") == ("extrapolated", 1, 3.0, 18.0, 6.0)
    assert rows(home, "SELECT count(*) FROM cost_ledger") == [(6,)]  # the rows of the board


def test_longer_text_costs_more(home: Home) -> None:
    """The proxy reads 400 tokens in English and Swahili each, 800 in French: twice as long."""
    load(
        home,
        *(
            costing(
                evaluated("proxy", source, (target,)),
                6.0,
                1.0,
                tokens_in=800 if target == "fra_Latn" else 400,
            )
            for source in ("eng_Latn", "fra_Latn")
            for target in LANGUAGES
        ),
        costing(evaluated("estimated", "eng_Latn", ("eng_Latn",), role="estimated"), 9.0, 8.0),
        imported("estimated", "estimated", "fra_Latn"),
    )
    # 9 s of training for 10 lines, shared by three settings; 8 s for 400 tokens.
    assert ledger(home, "fra_Latn", "swh_Latn")[3] == pytest.approx(9 / 3 + 8)
    assert ledger(home, "fra_Latn", "fra_Latn")[3] == pytest.approx(9 / 3 + 16)


def test_a_limited_evaluation_is_enough_to_say_what_a_whole_one_would_cost(home: Home) -> None:
    tried = costing(evaluated("estimated", role="estimated"), 30.0, 2.0)
    first_lines = [
        replace(e, segment_limit=25, n_segments=25, evaluation_key=f"limited{e.evaluation_key}")
        for e in tried.evaluations
    ]
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        replace(tried, evaluations=first_lines, scores=[]),
        imported("estimated", "estimated"),
    )
    assert ledger(home)[:4] == ("extrapolated", 1, 3.0, 30 / 3 + 4 * 2)


@pytest.mark.parametrize("unknown", ["proxy", "estimated"])
def test_imported_costs_are_unknown_and_so_is_the_ratio(home: Home, unknown: str) -> None:
    models = {
        "proxy": costing(evaluated("proxy"), 6.0, 1.0),
        "estimated": costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    }
    role = "estimated" if unknown == "estimated" else "proxy"
    load(home, *(models | {unknown: imported(unknown, role)}).values())
    basis, proxies, proxy_seconds, estimated_seconds, speed_up = ledger(home)
    assert (proxies, speed_up) == (1, None)
    if unknown == "proxy":
        assert (basis, proxy_seconds, estimated_seconds) == ("measured", None, 18.0)
    else:
        assert (basis, proxy_seconds, estimated_seconds) == ("unknown", 3.0, None)


def test_one_proxy_of_unknown_cost_makes_their_sum_unknown(home: Home) -> None:
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        imported("other", "proxy"),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    assert ledger(home) == ("measured", 2, None, 18.0, None)


def test_a_failed_run_is_in_the_totals_and_in_no_setting(home: Home) -> None:
    good = costing(evaluated("proxy"), 6.0, 1.0)
    failed = replace(good.runs[0], run_id="failed", status="failed", wall_seconds=100.0)
    load(
        home,
        replace(good, runs=[*good.runs, failed]),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    assert ledger(home)[2] == 3.0
    totals = "SELECT sum(total_seconds), sum(failed_runs) FROM run_costs WHERE model_id = 'proxy'"
    assert rows(home, totals) == [(109.0, 1)]


def test_a_later_run_that_reuses_the_weights_adds_to_the_training(home: Home) -> None:
    first = costing(evaluated("proxy", targets=("eng_Latn",)), 6.0, 1.0)
    second = costing(evaluated("proxy", targets=("swh_Latn",)), 0.5, 1.0)
    again = replace(second.runs[0], run_id="again")
    tests = [replace(e, run_id="again") for e in second.evaluations]
    load(
        home,
        first,
        replace(second, runs=[again], evaluations=tests),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    assert ledger(home)[2] == 6.5 / 2 + 1.0


def test_a_zero_shot_evaluation_is_paid_in_equal_parts_by_its_settings(home: Home) -> None:
    """Two training corpora make two settings of each pair; the zero-shot score is for both."""
    zero = costing(evaluated("base"), 3.0, 2.0)
    zero = replace(
        zero,
        runs=[replace(run, mode="zero_shot", train_corpus=None) for run in zero.runs],
        models=[replace(model, proxy_modes=("zero_shot",)) for model in zero.models],
    )
    estimated = costing(evaluated("estimated", role="estimated"), 30.0, 8.0)
    others = [
        replace(
            setting,
            train_corpus="d",
            setting_key=identity.setting_key(
                "intent", setting.source_lang, setting.target_lang, "d", 10, "c"
            ),
        )
        for setting in estimated.settings
    ]
    load(home, zero, replace(estimated, settings=[*estimated.settings, *others]))
    assert ledger(home)[2] == (3 / 3 + 2) / 2
    paid = "SELECT sum(seconds) FROM setting_costs WHERE model_id = 'base'"
    assert rows(home, paid) == [(3 + 3 * 2,)]


def test_the_own_zero_shot_score_is_an_input_and_costs(home: Home) -> None:
    own = costing(evaluated("estimated", role="estimated", corpus="c"), 3.0, 2.0)
    own = replace(
        own,
        runs=[replace(run, mode="zero_shot", run_id="z", training_key="z") for run in own.runs],
        evaluations=[
            replace(e, run_id="z", training_key="z", evaluation_key=f"z{e.evaluation_key}")
            for e in own.evaluations
        ],
        scores=[
            replace(s, score_key=f"z{s.score_key}", evaluation_key=f"z{s.evaluation_key}")
            for s in own.scores
        ],
    )
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        own,
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    assert ledger(home)[:3] == ("measured", 2, 3.0 + 3.0)


def test_seconds_on_a_gpu_are_kept_apart_and_devices_named(home: Home) -> None:
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        costing(evaluated("other"), 3.0, 0.5, device="H100"),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0, device="H100"),
    )
    query = "SELECT DISTINCT proxy_gpu_seconds, proxy_devices, estimated_gpu_seconds FROM {}"
    assert rows(home, query.format("cost_ledger")) == [(1.5, ["H100", "cpu"], 18.0)]


def test_the_extrapolation_is_for_the_device_that_the_proxies_ran_on(home: Home) -> None:
    load(
        home,
        *(costing(evaluated("proxy", source), 6.0, 1.0, device="H100") for source in LANGUAGES),
        costing(evaluated("estimated", "eng_Latn", role="estimated"), 30.0, 8.0, device="cpu"),
        costing(
            evaluated("estimated", "fra_Latn", ("fra_Latn",), role="estimated"), 3.0, 0.5, "H100"
        ),
        imported("estimated", "estimated", "swh_Latn"),
    )
    assert ledger(home, "swh_Latn")[:4] == ("extrapolated", 1, 3.0, 3 / 3 + 0.5)


def test_the_query_of_the_cost_page_runs(home: Home) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "costs.md").read_text()
    load(
        home,
        costing(evaluated("proxy"), 6.0, 1.0),
        costing(evaluated("estimated", role="estimated"), 30.0, 8.0),
    )
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.S)
    assert rows(home, query) == [("estimated", "eng_Latn", "measured", 9.0, 54.0, 6.0)]


def test_published_records_cost_nothing_known_and_the_ledger_is_quick(
    published_home: Home,
) -> None:
    began = time.perf_counter()
    found = rows(
        published_home,
        "SELECT estimated_basis, count(*), count(proxy_seconds), count(estimated_seconds) "
        "FROM cost_ledger GROUP BY ALL",
    )
    assert time.perf_counter() - began < 10  # 0.3 s on an idle machine
    board = rows(
        published_home,
        "SELECT count(DISTINCT (setting_key, model_id, mode)) FROM leaderboard",
    )
    assert found == [("unknown", *board[0], 0, 0)]
