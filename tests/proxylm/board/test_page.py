"""The board page and the exports, from rows like those of the `leaderboard` view."""

import html
import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from proxylm.board.costs import costs, duration
from proxylm.board.exports import export
from proxylm.board.page import MAX_POINTS, render
from proxylm.errors import ProxyLMError

pytest.importorskip("altair", reason="the `site` extra is not installed")
pytest.importorskip("vl_convert", reason="the `site` extra is not installed")

FACTS = {"date": "2027-01-31", "snapshot": "warehouse-000012.duckdb"}
LANGUAGES = ["swh_Latn", "zho_Hans", "kat_Geor", "fra_Latn", "amh_Ethi"]
CORPORA = ["government", "tanzil", "ted", "ubuntu", "bible", "news"]


def board_row(i: int, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(i)
    language = LANGUAGES[i % len(LANGUAGES)]
    metric = "comet" if i % 2 else "spBLEU"
    unit = 0.01 if metric == "comet" else 1.0
    predicted = float(rng.uniform(5, 60)) * unit
    observed = predicted + float(rng.normal(0, 4)) * unit
    row = {
        "setting_key": f"{i:064x}",
        "task": "mt",
        "metric": metric,
        "model_id": ["nllb", "m2m100", "llama3"][i // 2 % 3],
        "mode": "fine_tuned",
        "source_lang": "eng_Latn" if i % 4 < 2 else language,
        "target_lang": language if i % 4 < 2 else "eng_Latn",
        "train_corpus": f"MT560_{CORPORA[i // 7 % 6]}",
        "train_size": 25000 + 1000 * (i // 42 % 50),
        "test_corpus": CORPORA[i % 6],
        "predicted": predicted,
        "lower": predicted - 6 * unit,
        "upper": predicted + 6 * unit,
        "level": 0.9,
        "prediction_kind": "out_of_fold",
        "protocol": "lolo",
        "observed": observed,
        "observed_half_width": 0.6 * unit,
        "observed_origin": "imported",
        "error": predicted - observed,
        "status": "observed",
        "reason": None,
        "predictor_id": "a" * 64,
        "made_at": datetime(2027, 1, 30, 3, 0, tzinfo=UTC),
        "board_language": language,
        "proxy_seconds": 40.0 + i % 3,
        "estimated_seconds": 110.0 + i % 7,
        "estimated_basis": "measured",
        "speed_up": (110.0 + i % 7) / (40.0 + i % 3),
    }
    return row | changes


UNOBSERVED = {
    "observed": None,
    "observed_half_width": None,
    "observed_origin": None,
    "error": None,
    "status": "predicted",
    "prediction_kind": "forecast",
    "protocol": None,
    "estimated_seconds": 98.0,
    "estimated_basis": "extrapolated",
    "speed_up": 2.45,
}
UNKNOWN_COSTS = {
    "proxy_seconds": None,
    "estimated_seconds": None,
    "estimated_basis": "unknown",
    "speed_up": None,
}
ABSTAINED = {
    **UNOBSERVED,
    **UNKNOWN_COSTS,
    "predicted": None,
    "lower": None,
    "upper": None,
    "status": "abstained",
    "reason": "no proxy has been run on this setting",
}


def board(n: int, **changes: Any) -> pd.DataFrame:
    rows = [board_row(i, **changes) for i in range(n)]
    return pd.DataFrame(rows, columns=list(board_row(0)))


def quality() -> pd.DataFrame:
    columns = ["task", "metric", "model_id", "mode", "protocol", "regressor", "statistic"]
    columns += ["value", "n_rows", "n_folds"]
    rows = [
        ("lolo", "ensemble", "rmse", 3.21),
        ("lolo", "train-mean", "rmse", 11.82),
        ("lolo", "best one-proxy line", "rmse", 4.87),
        ("lolo", "ensemble", "rmse_pooled", 5.67),
        ("by_run", "ensemble", "rmse_pooled", 6.54),
        ("random", "ensemble", "rmse_pooled", 2.34),
        ("lolo", "ensemble", "coverage", 0.91),
    ]
    return pd.DataFrame(
        [("mt", "spBLEU", "nllb", "fine_tuned", *row, 1954, 50) for row in rows], columns=columns
    )


def text_of(page: str) -> str:
    """The page's text without its scripts."""
    bare = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def shown(value: float, metric: str, sign: str = "") -> str:
    return f"{value:{sign}.{3 if metric == 'comet' else 1}f}".replace("-", "−")


def test_every_row_is_on_the_page_with_its_figures() -> None:
    rows = pd.concat([board(60), board(3, **UNOBSERVED), board(3, **ABSTAINED)], ignore_index=True)
    page = text_of(render(rows, quality(), FACTS))
    for row in rows.to_dict("records"):
        metric = str(row["metric"])
        predicted = interval = observed = error = "–"
        if row["status"] != "abstained":
            predicted = shown(row["predicted"], metric)
            interval = f"[{shown(row['lower'], metric)}, {shown(row['upper'], metric)}]"
        status = row["status"]
        if row["status"] == "observed":
            half_width = shown(row["observed_half_width"], metric)
            observed = f"{shown(row['observed'], metric)} ± {half_width}"
            error = shown(row["error"], metric, sign="+")
            status = "observed, imported, lolo"
        costs = "– –"
        if row["status"] != "abstained":
            own = "≈ 98 s" if row["status"] == "predicted" else f"{row['estimated_seconds']:.0f} s"
            costs = f"{row['proxy_seconds']:.0f} s {own}"
        line = f"{row['test_corpus']} {predicted} {interval} {observed} {error} {costs} {status}"
        assert line in page
        assert f"{row['source_lang']} → {row['target_lang']}, trained on" in page
    assert "abstained, forecast, no proxy has been run on this setting" in page
    assert "60 scores observed 3 only predicted 3 abstained" in page
    for fact in FACTS.values():
        assert fact in page


def test_a_language_is_summed_up() -> None:
    rows = board(2, board_language="swh_Latn", metric="spBLEU", model_id="nllb")
    rows["predicted"], rows["observed"] = [20.0, 30.0], [23.0, 34.0]
    rows["lower"], rows["upper"] = [18.0, 28.0], [22.0, 36.0]
    page = text_of(render(rows, quality(), FACTS))
    # n, predicted, observed, RMSE = sqrt((9 + 16) / 2), inside 1 of 2
    assert "Swahili (swh_Latn) 2 25.0 28.5 3.5 50%" in page


def test_costs_are_means_over_settings_and_the_ratio_is_one_of_sums() -> None:
    rows = board(4, board_language="swh_Latn", metric="spBLEU", model_id="nllb")
    rows["proxy_seconds"] = [40.0, 42.0, None, 1.0]
    rows["estimated_seconds"] = [100.0, 124.0, 500.0, None]
    rows["estimated_basis"] = ["measured", "measured", "extrapolated", "unknown"]
    page = text_of(render(rows, quality(), FACTS))
    # proxies (40 + 42 + 1) / 3; own (100 + 124) / 2 and 500; (100 + 124) / (40 + 42)
    assert "28 s 112 s / ≈ 8.33 min 2.7x" in page
    said = "Proxies cost 28 s a setting, nllb 112 s measured / 8.33 min extrapolated: 2.7x."
    assert said in page


def test_a_setting_with_two_metrics_is_paid_once() -> None:
    one = board(1, metric="spBLEU")
    other = board(1, metric="comet", proxy_seconds=40.0)
    assert costs(pd.concat([one, other])) == costs(one) == (40.0, 110.0, None, 2.75)


def test_where_no_cost_is_known_the_page_says_nothing_of_it() -> None:
    page = text_of(render(board(6, **UNKNOWN_COSTS), quality(), FACTS))
    assert "a setting, " not in page
    assert "0 s" not in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.012, "0.012 s"),
        (9.96, "10 s"),
        (112, "112 s"),
        (600, "10 min"),
        (5e4, "13.9 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_quality_is_beside_the_simple_regressors() -> None:
    page = render(board(4), quality(), FACTS)
    text = text_of(page)
    assert "nllb, fine-tuned: mt spBLEU ensemble 0.27 0.66 3.21 5.67 91% 6.54 2.34" in text
    assert "best one-proxy line 0.41 1.00 4.87" in text
    assert "train-mean 1.00 2.43 11.82" in text
    assert 'class="best">3.21' in page
    assert "whose fine-tuning is in training too" in text


def test_names_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    page = render(
        board(4, model_id=evil, test_corpus=evil, reason=evil, board_language=evil),
        quality().assign(model_id=evil, regressor=evil),
        {"date": evil, "title": evil},
    )
    assert "<script>alert" not in page
    assert page.count("<script>") == page.count("</script>") == 2
    assert evil in text_of(page)


@pytest.mark.parametrize(
    "rows", [board(0), board(5, **UNOBSERVED), board(5, **ABSTAINED)], ids=["none", "new", "no"]
)
def test_a_young_board(rows: pd.DataFrame) -> None:
    page = render(rows, quality().iloc[:0], FACTS)
    assert "No predictor has been judged yet" in page
    assert "No setting has both" in page
    assert ("There are no predictions" in page) == rows.empty
    assert "nan" not in text_of(page).lower().split()
    assert "None" not in text_of(page)


def test_nothing_is_fetched() -> None:
    page = render(board(40), quality(), FACTS)
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert "<script" not in own  # none with a src
    assert not re.search(r"(src|href)=|@import|url\(|https?://", own)
    assert "Content-Security-Policy\" content=\"default-src 'none'" in own


def test_a_full_board_is_small_and_quick() -> None:
    rows = board(13000)
    start = time.perf_counter()
    page = render(rows, quality(), FACTS)
    assert time.perf_counter() - start < 10
    assert len(page.encode()) < 3_000_000
    specs = re.search(r"const charts = (.*);", page)
    assert specs is not None
    points = [data for spec in json.loads(specs[1]) for data in spec["datasets"].values()]
    assert sum(len(data) for data in points) <= MAX_POINTS + 10  # and two ends per diagonal
    assert "1,000 of 6,500 settings, drawn at random" in page


def test_without_the_site_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(ProxyLMError, match=r"altair.*pip install 'proxylm-ops\[site\]'"):
        render(board(4), quality(), FACTS)


def test_exports_agree(tmp_path: Path) -> None:
    rows = pd.concat([board(20), board(2, **ABSTAINED)], ignore_index=True)
    paths = export(rows, tmp_path / "site")
    assert sorted(path.name for path in paths) == [
        "leaderboard.csv",
        "leaderboard.json",
        "leaderboard.parquet",
    ]
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == sorted(
        path.name for path in paths
    )
    by_suffix = {path.suffix: path for path in paths}
    records = json.loads(by_suffix[".json"].read_text(encoding="utf-8"))
    csv = pd.read_csv(by_suffix[".csv"])
    parquet = pd.read_parquet(by_suffix[".parquet"])
    assert len(records) == len(csv) == len(parquet) == 22
    assert list(records[0]) == list(csv.columns) == list(parquet.columns) == list(rows.columns)
    for name in ("predicted", "lower", "upper", "observed", "error"):
        from_json = pd.Series([record[name] for record in records], dtype=float, name=name)
        pd.testing.assert_series_equal(from_json, csv[name], check_exact=True)
        pd.testing.assert_series_equal(from_json, parquet[name].astype(float), check_exact=True)
    assert records[21]["predicted"] is None
    made = datetime(2027, 1, 30, 3, 0, tzinfo=UTC)
    assert datetime.fromisoformat(records[0]["made_at"]) == made
    assert datetime.fromisoformat(csv["made_at"][0]) == made
    assert parquet["made_at"][0] == made


def test_an_empty_board_is_exported(tmp_path: Path) -> None:
    export(board(0), tmp_path)
    assert json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8")) == []
    assert (tmp_path / "leaderboard.csv").read_text(encoding="utf-8").startswith("setting_key,")
