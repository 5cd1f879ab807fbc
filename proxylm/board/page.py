"""The board as one HTML page: predicted beside observed, and how good the predictions are.

The page carries its pictures, its script and all of its figures, so that it opens from a file,
without a network. This module knows the columns of the `leaderboard` view, its costs and those
of `predictor_quality`; it knows no database, no folder and no predictor.
"""

import math
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import pandas as pd

from proxylm.board.costs import NOTHING, costs, duration, factor, sentence
from proxylm.errors import ProxyLMError, UsageError
from proxylm.languages import resolve

MAX_POINTS = 2000
"""Points in all pictures of a page together; more would make it large and the pictures grey."""

_TASKS = {"mt": "Machine translation", "intent": "Intent classification", "slot": "Slot filling"}
_PROTOCOLS = {
    "lolo": "Leave one language out: the language was never seen in training",
    "unseen": "Languages that the estimated model was not pre-trained on were held out",
    "cross_dataset": "Trained on one corpus of records, tested on another",
    "by_run": "Whole fine-tuning runs held out, five folds",
    "by_run_pair": "Whole runs held out, both directions of a language together",
    "incremental": "Trained on growing parts of the random training rows",
    "random": "70/30 random rows, as in the paper; test rows share runs with training rows",
}
_STATISTICS = {
    "rmse": ("", "Root mean square error, mean over languages or seeds"),
    "rmse_pooled": (" pooled", "Root mean square error over all rows together"),
    "coverage": (" inside", "Share of observed scores inside their interval"),
    "shared_run_group": (" leak", "Share of test rows whose fine-tuning is in training too"),
}
_HEADLINE = ("lolo", "rmse")
_BASELINES = {"train-mean": "of mean", "best one-proxy line": "of line"}
"""Naive regressors, and the heading of the column with the error as a share of theirs."""


def render(rows: pd.DataFrame, quality: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """The page.

    `rows` is the `leaderboard` view, one row per (setting, estimated model, mode, metric), with
    proxy_seconds, estimated_seconds, estimated_basis and speed_up of `cost_ledger`.
    `quality` has task, metric, model_id, mode, protocol, regressor, statistic, value, n_rows and
    n_folds. Both may be empty. `facts` are shown at the top as they are, in their order (for
    example `date` and `snapshot`); `title` is the page's title. All text is escaped.

    Raises ProxyLMError when the packages of the `site` extra are not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise _site_missing(error) from error

    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("proxylm.board") / "page.html").read_text(encoding="utf-8")
    )
    charts = _charts(rows)
    return page.render(
        title=str(facts.get("title", "ProxyLM board")),
        facts=[(name, str(value)) for name, value in facts.items() if name != "title"],
        figures=_figures(rows),
        quality=_quality(quality),
        charts=charts,
        sections=_sections(rows),
        javascript=Markup(_javascript()) if charts else "",
    )


def _javascript() -> str:
    """Vega-Embed and what it needs, as one script."""
    try:
        import vl_convert
    except ImportError as error:
        raise _site_missing(error) from error
    # The default snippet, which the stub does not know, makes them global names.
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg, unused-ignore]
    return bundle


def _site_missing(error: ImportError) -> ProxyLMError:
    return ProxyLMError(
        f"the board page needs {error.name}, which is not installed: "
        "pip install 'proxylm-ops[site]'"
    )


def _figures(rows: pd.DataFrame) -> list[tuple[str, str]]:
    predicted, observed = rows["predicted"].notna(), rows["observed"].notna()
    figures = [
        (rows["board_language"].nunique(), "languages"),
        (rows["model_id"].nunique(), "estimated models"),
        (rows["setting_key"].nunique(), "settings"),
        (observed.sum(), "scores observed"),
        ((predicted & ~observed).sum(), "only predicted"),
        ((~predicted & ~observed).sum(), "abstained"),
    ]
    return [(f"{int(value):,}", label) for value, label in figures]


def _number(value: Any, metric: str = "", sign: str = "") -> str:
    """A score as text: one decimal, three for COMET's 0-1; a dash for what is absent."""
    if value is None or pd.isna(value):
        return NOTHING
    return f"{value:{sign}.{3 if metric == 'comet' else 1}f}".replace("-", "−")


def _language_name(code: str) -> str:
    try:
        return resolve(code).name
    except UsageError:  # not a language we know: the code is its name
        return code


def _groups(frame: pd.DataFrame, by: list[str]) -> Iterator[tuple[list[str], pd.DataFrame]]:
    for key, part in frame.groupby(by, sort=True):
        yield [str(value) for value in key], part


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def _model_label(model_id: str, mode: str) -> str:
    return f"{model_id}, {mode.replace('_', '-')}"


# --- how good the predictions are ----------------------------------------------------------------


class _Quality(NamedTuple):
    columns: list[tuple[str, str]]  # heading, explanation
    baselines: list[tuple[str, str]]  # regressor, heading of the ratio to it
    rows: list[dict[str, Any]]
    all: list[tuple[str, ...]]


def _quality(quality: pd.DataFrame) -> _Quality:
    """One line a regressor, errors and coverage side by side; and every figure, as a list."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for protocol, statistic in sorted(
        set(zip(quality["protocol"], quality["statistic"], strict=True)), key=_column_order
    ):
        if statistic in _STATISTICS:
            suffix, meaning = _STATISTICS[statistic]
            name = "LOLO" if protocol == "lolo" else protocol.replace("_", " ")
            where = _PROTOCOLS.get(protocol, protocol)
            found[protocol, statistic] = (name + suffix, f"{meaning}. {where}.")

    lines = []
    blocks = _groups(quality, ["task", "metric", "model_id", "mode"])
    for (task, metric, model_id, mode), block in blocks:
        label = f"{_model_label(model_id, mode)}: {task} {metric}"
        values = block.set_index(["protocol", "statistic", "regressor"])["value"].to_dict()
        # The lines through single proxies are among all figures; here the best of them will do.
        regressors = [r for r in dict.fromkeys(block["regressor"]) if not r.startswith("line:")]
        regressors.sort(key=lambda r: (r in _BASELINES, r))
        for regressor in regressors:
            cells = []
            for column in found:
                value = values.get((*column, regressor))
                others = [values[key] for r in regressors if (key := (*column, r)) in values]
                is_error = column[1].startswith("rmse")
                best = is_error and len(others) > 1 and value == min(others)
                cells.append((_quality_text(value, metric, is_error), best))
            lolo = {r: values.get((*_HEADLINE, r)) for r in regressors}
            ratios = [_ratio(lolo[regressor], lolo.get(baseline)) for baseline in _BASELINES]
            lines.append({"label": label, "regressor": regressor, "ratios": ratios, "cells": cells})
            label = ""

    every = [
        (
            f"{_model_label(row['model_id'], row['mode'])}: {row['task']} {row['metric']}",
            row["regressor"],
            row["protocol"],
            row["statistic"],
            f"{row['value']:.4g}",
            *("" if pd.isna(n) else f"{int(n):,}" for n in (row["n_rows"], row["n_folds"])),
        )
        for row in _records(quality)
    ]
    return _Quality(list(found.values()), list(_BASELINES.items()), lines, every)


def _quality_text(value: float | None, metric: str, is_error: bool) -> str:
    if value is None:
        return NOTHING
    if not is_error:
        return f"{value:.0%}"
    return f"{value:.{4 if metric == 'comet' else 2}f}"


def _ratio(error: float | None, baseline: float | None) -> str:
    return f"{error / baseline:.2f}" if error is not None and baseline else NOTHING


def _column_order(column: tuple[str, str]) -> tuple[int, int, str]:
    protocols, statistics = list(_PROTOCOLS), list(_STATISTICS)
    protocol, statistic = column
    return (
        protocols.index(protocol) if protocol in protocols else len(protocols),
        statistics.index(statistic) if statistic in statistics else len(statistics),
        protocol,
    )


# --- predicted and observed ----------------------------------------------------------------------


def _charts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A Vega-Lite picture per (task, metric), with at most MAX_POINTS points between them."""
    both = rows[rows["predicted"].notna() & rows["observed"].notna()]
    charts = []
    for (task, metric), part in _groups(both, ["task", "metric"]):
        share = max(1, round(MAX_POINTS * len(part) / len(both)))
        shown = part.sample(share, random_state=0) if len(part) > share else part
        note = f"{len(part):,} settings"
        if len(shown) < len(part):
            note = f"{len(shown):,} of {len(part):,} settings, drawn at random (seed 0)"
        charts.append(
            {
                "title": f"{_TASKS.get(task, task)}, {metric}",
                "note": f"{note}.",
                "spec": _scatter(shown, metric),
            }
        )
    return charts


def _scatter(rows: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Vega-Lite specification of predicted against observed, with diagonal and intervals."""
    try:
        import altair as alt
    except ImportError as error:
        raise _site_missing(error) from error

    decimals = 3 if metric == "comet" else 1
    points = pd.DataFrame(
        {
            "observed": rows["observed"].astype(float).round(decimals),
            "predicted": rows["predicted"].astype(float).round(decimals),
            "lower": rows["lower"].astype(float).round(decimals),
            "upper": rows["upper"].astype(float).round(decimals),
            "model": [
                _model_label(*pair) for pair in zip(rows["model_id"], rows["mode"], strict=True)
            ],
            "setting": [
                "{source_lang} → {target_lang}, {train_corpus} → {test_corpus}".format(**row)
                for row in _records(rows)
            ],
        }
    )
    values = points[["observed", "predicted"]].to_numpy()
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 1.0
    domain = [low - margin, high + margin]
    scale = alt.Scale(domain=domain, nice=False)
    axis = alt.Axis(tickCount=8)
    chosen = alt.selection_point(fields=["model"], bind="legend")
    base = alt.Chart(points).encode(
        x=alt.X("observed:Q", scale=scale, axis=axis, title=f"Observed {metric}"),
        color=alt.Color(
            "model:N", title=None, legend=alt.Legend(orient="top", labelLimit=400, symbolOpacity=1)
        ),
    )
    diagonal = (
        alt.Chart(pd.DataFrame({"x": domain}))
        .mark_line(strokeDash=[4, 4], color="#8a949e")
        .encode(x="x:Q", y="x:Q")
    )
    intervals = base.mark_rule(clip=True).encode(
        y=alt.Y("lower:Q", scale=scale, axis=axis, title=f"Predicted {metric}"),
        y2="upper:Q",
        opacity=alt.condition(chosen, alt.value(0.14), alt.value(0)),
    )
    dots = base.mark_circle(size=26).encode(
        y=alt.Y("predicted:Q", scale=scale, axis=axis, title=f"Predicted {metric}"),
        opacity=alt.condition(chosen, alt.value(0.75), alt.value(0.04)),
        tooltip=["model", "setting", "predicted", "lower", "upper", "observed"],
    )
    chart = alt.layer(intervals, diagonal, dots).add_params(chosen)
    spec: dict[str, Any] = chart.properties(width="container", height=420).to_dict()
    return spec


# --- the board -----------------------------------------------------------------------------------


def _sections(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One section per (task, metric, estimated model, mode), its languages by name."""
    sections: list[dict[str, Any]] = []
    by = ["task", "metric", "model_id", "mode"]
    for (task, metric, model_id, mode), part in _groups(rows, by):
        languages: list[dict[str, Any]] = [
            _language(code, metric, settings)
            for (code,), settings in _groups(part, ["board_language"])
        ]
        sections.append(
            {
                "title": f"{_TASKS.get(task, task)}, {metric}: {_model_label(model_id, mode)}",
                "note": _section_note(part),
                "costs": _costs_note(model_id, part),
                "languages": sorted(languages, key=lambda language: str(language["name"])),
            }
        )
    return sections


def _section_note(part: pd.DataFrame) -> str:
    predictors = sorted({str(name)[:12] for name in part["predictor_id"].dropna()})
    made = part["made_at"].dropna()
    levels = sorted({f"{level:.0%}" for level in part["level"].dropna()})
    notes = [f"{len(part):,} rows"]
    if levels:
        notes.append(f"intervals at {' and '.join(levels)}")
    if predictors:
        shown = ", ".join(predictors[:3]) + (" ..." if len(predictors) > 3 else "")
        notes.append(f"predictor {shown}")
    if len(made):
        notes.append(f"latest prediction {pd.Timestamp(made.max()):%Y-%m-%d %H:%M}")
    return "; ".join(notes)


def _costs_note(model_id: str, part: pd.DataFrame) -> str:
    """One sentence, or nothing where no cost is known, as with imported scores alone."""
    known = part["proxy_seconds"].notna() | part["estimated_seconds"].notna()
    text = sentence(model_id, part)
    return f"{text[0].upper()}{text[1:]}." if known.any() else ""


def _language(code: str, metric: str, rows: pd.DataFrame) -> dict[str, Any]:
    both = rows[rows["predicted"].notna() & rows["observed"].notna()]
    errors = both["predicted"].astype(float) - both["observed"].astype(float)
    bounded = both[both["lower"].notna() & both["upper"].notna()]
    inside = (bounded["lower"] <= bounded["observed"]) & (bounded["observed"] <= bounded["upper"])
    spent = costs(rows)
    own = (("", spent.measured), ("≈ ", spent.extrapolated))
    groups: dict[str, list[tuple[str, ...]]] = {}
    order = ["source_lang", "target_lang", "train_corpus", "train_size", "test_corpus"]
    for row in _records(rows.sort_values(order)):
        group, label = _setting(row)
        groups.setdefault(group, []).append((label, *_cells(row, metric)))
    return {
        "name": f"{_language_name(code)} ({code})",
        "n": len(rows),
        "predicted": _number(rows["predicted"].astype(float).mean(), metric),
        "observed": _number(rows["observed"].astype(float).mean(), metric),
        "rmse": _number(math.sqrt((errors**2).mean()) if len(errors) else None, metric),
        "inside": f"{inside.mean():.0%}" if len(inside) else NOTHING,
        "proxies": duration(spent.proxies),
        "own": " / ".join(f"{sign}{duration(mean)}" for sign, mean in own if mean is not None)
        or NOTHING,
        "speed_up": factor(spent.speed_up),
        "groups": [{"title": title, "rows": lines} for title, lines in groups.items()],
    }


def _setting(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a row shares with its neighbours, and what tells it from them."""
    size = "" if pd.isna(row["train_size"]) else f", {int(row['train_size']):,} lines"
    trained = f"trained on {row['train_corpus']}{size}"
    if row["task"] == "mt":
        return f"{row['source_lang']} → {row['target_lang']}, {trained}", str(row["test_corpus"])
    return f"{trained}; tested on {row['test_corpus']}", f"from {row['source_lang']}"


def _cells(row: Mapping[str, Any], metric: str) -> tuple[str, ...]:
    """Predicted, interval, observed, error, both costs and status of one row."""
    interval = NOTHING
    if pd.notna(row["lower"]) and pd.notna(row["upper"]):
        interval = f"[{_number(row['lower'], metric)}, {_number(row['upper'], metric)}]"
    observed = _number(row["observed"], metric)
    if pd.notna(row["observed_half_width"]) and observed != NOTHING:
        observed += f" ± {_number(row['observed_half_width'], metric)}"
    status = [str(row["status"])]
    if row["observed_origin"] == "imported":
        status.append("imported")
    if row["prediction_kind"] == "forecast":
        status.append("forecast")
    elif pd.notna(row["protocol"]):
        status.append(str(row["protocol"]))
    if pd.notna(row["reason"]) and row["reason"]:
        status.append(str(row["reason"]))
    return (
        _number(row["predicted"], metric),
        interval,
        observed,
        _number(row["error"], metric, sign="+"),
        duration(row["proxy_seconds"]),
        ("≈ " if row["estimated_basis"] == "extrapolated" else "")
        + duration(row["estimated_seconds"]),
        ", ".join(status),
    )
