"""The figures on the page are those that SQL gives on the published copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

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
HREFS = "links => links.map((link) => link.getAttribute('href'))"
BY_LANGUAGE = """
SELECT any_value(l.name), model_id, count(*), avg(predicted), avg(lower), avg(upper), avg(observed),
       sqrt(avg(error * error)),
       100 * avg(CASE WHEN error IS NOT NULL THEN (observed BETWEEN lower AND upper)::INTEGER END)
FROM leaderboard b JOIN languages l ON l.language = b.board_language
WHERE task = ? AND metric = ? GROUP BY board_language, model_id ORDER BY 1, 2
"""
SETTINGS = """
SELECT setting_key, model_id, predicted, lower, upper, observed, error
FROM leaderboard WHERE task = ? AND metric = ?
"""
FIGURES = """
SELECT count(DISTINCT board_language), count(DISTINCT model_id), count(DISTINCT setting_key),
       count(observed), count(*) FILTER (predicted IS NOT NULL AND observed IS NULL),
       count(*) FILTER (predicted IS NULL AND observed IS NULL)
FROM leaderboard
"""
CHOICES = """
SELECT any_value(l.name) AS name, model_id, 100 * avg(probability_best),
       avg(expected_regret) AS regret
FROM model_choice c JOIN languages l ON l.language = c.board_language
WHERE task = ? AND metric = ? GROUP BY board_language, model_id
QUALIFY row_number() OVER (PARTITION BY board_language ORDER BY regret) = 1 ORDER BY name
"""
GAINS = """
SELECT any_value(l.name), model_id, avg(gain), avg(lower), avg(upper), 100 * avg(probability_gain)
FROM fine_tune_advice a JOIN languages l ON l.language = a.board_language
WHERE task = ? AND metric = ? GROUP BY board_language, model_id ORDER BY 1, 2
"""
COSTS = """
SELECT avg(proxy_seconds), sum(estimated_seconds) FILTER (speed_up IS NOT NULL)
       / sum(proxy_seconds) FILTER (speed_up IS NOT NULL)
FROM leaderboard JOIN cost_ledger USING (setting_key, model_id, mode)
WHERE leaderboard.task = ? AND metric = ? AND model_id = ?
"""


def number(text: str) -> float | None:
    """The first figure of a text of the page; None for a dash."""
    digits = text.replace("−", "-").replace(",", "").split()[0]
    return None if digits == "–" else float(digits)


def same(shown: list[str], wanted: list[float | None], half: float) -> None:
    """The texts show the numbers, to within half of their last digit."""
    assert [number(text) for text in shown] == [
        None if value is None else pytest.approx(value, abs=half) for value in wanted
    ]


def ends(interval: str) -> list[str]:
    """The texts of both ends of an interval, or of its absence."""
    low, _, high = interval.partition(" to ")
    return [low, high or "–"]


def check(browse: Callable[..., Page], make_site: Callable[..., Path], world: dict) -> None:  # type: ignore[type-arg]
    folder = make_site(**world)
    page = browse(folder / "site")
    with reading(Home(folder)) as connection:
        shown_figures = page.open().locator(".figures b").all_inner_texts()
        same(shown_figures, list(connection.execute(FIGURES).fetchall()[0]), 0)
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
                same(
                    [row[3], *ends(row[4]), row[5], row[6]],
                    [predicted, low, high, observed, rmse],
                    half,
                )
                same([row[7], row[8]], [inside, n], 0.51)
            check_settings(page, connection, task, metric, half)
            check_decisions(page, connection, task, metric, half)
            shown_page = page.open(f"costs?{tab}")
            said = shown_page.locator(".verdict").all_inner_texts()
            for model in world["model_names"]:
                row = connection.execute(COSTS, [task, metric, model]).fetchone()
                assert row is not None
                (line,) = [text for text in said if text.startswith(f"{model},")] or [""]
                if line and row[1] is not None:
                    ratio = number(line.partition("a speed-up of ")[2])
                    assert ratio == pytest.approx(row[1], abs=0.051 if row[1] >= 1 else 0.0051)


def check_settings(page: Page, connection: Any, task: str, metric: str, half: float) -> None:
    """Every setting, on the board's page (which shows 100 at a time) with all of its figures."""
    shown = page.open(f"board?task={task}&metric={metric}&rows=settings")
    found: dict[tuple[str, str], list[str]] = {}
    while True:
        links = shown.locator("[data-view=board] td.text a[href^='#number']")
        keys = [parse_qs(link.partition("?")[2]) for link in links.evaluate_all(HREFS)]
        rows = page.table("Every setting")
        assert len(keys) == len(rows)
        found |= {(k["setting"][0], k["model"][0]): row for k, row in zip(keys, rows, strict=True)}
        more = shown.locator("button:has-text('More') >> nth=-1")
        if not more.is_visible() or more.is_disabled():
            break
        more.click()
    wanted = connection.execute(SETTINGS, [task, metric]).fetchall()
    assert len(found) == len(wanted)
    for key, model, *numbers in wanted:
        row = found[key[:16], model]
        same([row[3], *ends(row[4]), row[5], row[6]], numbers, half)


def check_decisions(page: Page, connection: Any, task: str, metric: str, half: float) -> None:
    """Which model to take in a language, and what fine-tuning gains."""
    page.open(f"decide?task={task}&metric={metric}")
    choices = connection.execute(CHOICES, [task, metric]).fetchall()
    shown = sorted(page.table("Least expected regret"), key=lambda row: row[0].split()[0])
    assert [(row[0].split()[0], row[1].split(",")[0]) for row in shown] == [c[:2] for c in choices]
    for row, (_, _, probability, regret) in zip(shown, choices, strict=True):
        same([row[2]], [probability], 0.51)
        same([row[3]], [regret], 0.0051)
    gains = connection.execute(GAINS, [task, metric]).fetchall()
    shown = sorted(page.table("Fine-tuned beside"), key=lambda row: (row[0].split()[0], row[1]))
    assert [(row[0].split()[0], row[1]) for row in shown] == [gain[:2] for gain in gains]
    for row, (_, _, gain, low, high, probability) in zip(shown, gains, strict=True):
        same([row[3], *ends(row[4])], [gain, low, high], half)
        same([row[5]], [probability], 0.51)


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
@pytest.mark.timeout(1200)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(world=Worlds)
def test_the_figures_are_those_of_sql_in_many_warehouses(browse, make_site, world) -> None:  # type: ignore[no-untyped-def]
    check(browse, make_site, world)
