"""The figures on the page are those that SQL gives on the published copy."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser import Page
from warehouse.database import reading
from warehouse.home import Home

Worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "languages": st.integers(1, 10),
        "corpora": st.integers(1, 4),
        "model_names": st.sampled_from([("alpha",), ("alpha", "beta"), ("a", "b", "c")]),
        "metrics": st.sampled_from([(("mt", "TER"), ("intent", "accuracy")), (("mt", "comet"),)]),
    }
)
BY_LANGUAGE = """
SELECT any_value(l.name), model_id, count(*), avg(predicted), avg(lower), avg(upper), avg(observed),
       sqrt(avg(error * error)),
       100 * avg(CASE WHEN error IS NOT NULL THEN (observed BETWEEN lower AND upper)::INTEGER END)
FROM leaderboard b JOIN languages l ON l.language = b.board_language
WHERE task = ? AND metric = ? GROUP BY board_language, model_id ORDER BY 1, 2
"""
COSTS = """
SELECT avg(proxy_seconds), sum(estimated_seconds) FILTER (speed_up IS NOT NULL)
       / sum(proxy_seconds) FILTER (speed_up IS NOT NULL)
FROM leaderboard JOIN cost_ledger USING (setting_key, model_id, mode)
WHERE leaderboard.task = ? AND metric = ? AND model_id = ?
"""


def number(text: str) -> float | None:
    """A figure of the page; None for a dash."""
    digits = text.replace("−", "-").replace(",", "").split()[0]
    return None if digits == "–" else float(digits)


def check(browse: Callable[..., Page], make_site: Callable[..., Path], world: dict) -> None:  # type: ignore[type-arg]
    folder = make_site(**world)
    page = browse(folder / "site")
    with reading(Home(folder)) as connection:
        for task, metric in world["metrics"]:
            tab = f"task={task}&metric={metric}"
            decimals = 3 if metric == "comet" else 1
            half = 0.51 * 10**-decimals
            page.open(f"board?{tab}")
            shown = sorted(page.table("Models by language"), key=lambda r: (r[0].split()[0], r[1]))
            wanted = connection.execute(BY_LANGUAGE, [task, metric]).fetchall()
            assert len(shown) == len(wanted)
            for row, (name, model, n, predicted, low, high, observed, rmse, inside) in zip(
                shown, wanted, strict=True
            ):
                assert (row[0].split()[0], row[1].split(",")[0]) == (name, model)
                low_shown, _, high_shown = row[4].partition(" to ")
                for text, value in [
                    (row[3], predicted), (low_shown, low), (high_shown or "–", high),
                    (row[5], observed), (row[6], rmse),
                ]:  # fmt: skip
                    assert number(text) == (
                        None if value is None else pytest.approx(value, abs=half)
                    )
                assert number(row[7]) == (
                    None if inside is None else pytest.approx(inside, abs=0.51)
                )
                assert number(row[8]) == n
            shown_page = page.open(f"costs?{tab}")
            said = shown_page.locator(".verdict").all_inner_texts()
            for model in world["model_names"]:
                row = connection.execute(COSTS, [task, metric, model]).fetchone()
                assert row is not None
                (line,) = [text for text in said if text.startswith(f"{model},")] or [""]
                if line and row[1] is not None:
                    ratio = number(line.partition("a speed-up of ")[2])
                    assert ratio == pytest.approx(row[1], abs=0.051 if row[1] >= 1 else 0.0051)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(world=Worlds)
def test_the_figures_are_those_of_sql(browse, make_site, world) -> None:  # type: ignore[no-untyped-def]
    check(browse, make_site, world)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=Worlds)
def test_the_figures_are_those_of_sql_in_many_warehouses(browse, make_site, world) -> None:  # type: ignore[no-untyped-def]
    check(browse, make_site, world)
