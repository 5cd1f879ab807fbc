"""The board as a folder of static files, which opens from a file or from any static host.

`index.html` and `assets/` are the same for every board; `data/` holds the numbers. What the page
needs at once is in `data/start.js`; the rows of a task and metric, the details of a language and
the charts' library are loaded when they are looked at. This module knows the tables and the folder
it writes to; what the page makes of them is in `assets/`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from proxylm.board.columns import columns, script
from proxylm.board.names import own_name
from proxylm.board.ranking import rank
from proxylm.board.tables import LOWER_IS_BETTER, Publication, Tables, groups, records, seen
from proxylm.errors import ProxyLMError
from proxylm.records import HEADLINE_METRICS, TASKS

PART_ROWS = 10_000
"""Rows of the board in one file; the page shows the first while it loads the others."""

RECOMMENDATIONS = 500
"""Recommendations on the page, the first of the queue."""

PER_LANGUAGE = ("scores", "choices", "advice")
"""Tables that are cut by `board_language`, one file a language."""

_ROW_COLUMNS = [
    "setting_key", "model_id", "mode", "source_lang", "target_lang", "train_corpus", "train_size",
    "test_corpus", "predicted", "lower", "upper", "level", "prediction_kind", "protocol",
    "observed", "observed_half_width", "observed_origin", "status", "reason", "predictor_id",
    "made_at", "board_language", "proxy_seconds", "estimated_seconds", "estimated_basis",
]  # fmt: skip


def write_site(tables: Tables, publication: Publication, folder: Path) -> None:
    """Write the page, its assets and its data into the empty `folder`.

    Raises ProxyLMError when the packages of the `site` extra are not installed.
    """
    data = folder / "data"
    data.mkdir(parents=True)
    _write_assets(folder)
    tabs = list(_write_rows(tables.rows, publication, data))
    languages = _languages(tables)
    parts = _by_language(tables)
    for number, language in enumerate(languages):
        details = {name: columns(part) for name, part in parts(language["language"]).items()}
        _write(data, f"language-{number}", publication, details)
    _write(data, "grades", publication, columns(tables.grades))
    _write(data, "predictors", publication, columns(tables.predictors))
    _write(data, "start", publication, _start(tables, publication, tabs, languages))


def _write(data: Path, name: str, publication: Publication, content: Any) -> None:
    (data / f"{name}.js").write_bytes(script(name, publication.id, content))


def _write_assets(folder: Path) -> None:
    assets = folder / "assets"
    assets.mkdir()
    for source in (files("proxylm.board") / "assets").iterdir():
        place = folder if source.name == "index.html" else assets
        (place / source.name).write_bytes(source.read_bytes())
    (assets / "vega.js").write_text(_charts_library(), encoding="utf-8")


@cache
def _charts_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, which takes two seconds to put together."""
    try:
        import vl_convert
    except ImportError as error:
        raise ProxyLMError(
            f"the board's charts need {error.name}, which is not installed: "
            "pip install 'proxylm-ops[site]'"
        ) from error
    # The default snippet, which the stub does not know, makes vega and vegaEmbed global names.
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg, unused-ignore]
    return bundle


def _write_rows(
    rows: pd.DataFrame, publication: Publication, data: Path
) -> Iterator[dict[str, Any]]:
    """The rows, a tab a task and metric; yields what the page must know to load them."""
    headline = [metric for metrics in HEADLINE_METRICS.values() for metric in metrics]
    found = [key for key, _ in groups(rows, ["task", "metric"])]
    found.sort(key=lambda tab: (_place(tab[0], TASKS), _place(tab[1], headline), tab))
    for number, (task, metric) in enumerate(found):
        part = rows[(rows["task"] == task) & (rows["metric"] == metric)][_ROW_COLUMNS]
        starts = range(0, len(part), PART_ROWS)
        names = [f"board-{number}-{index}" for index in range(len(starts))]
        for name, start in zip(names, starts, strict=True):
            some = part.iloc[start : start + PART_ROWS]
            _write(data, name, publication, columns(_short(some)))
        yield {
            "task": task,
            "metric": metric,
            "rows": len(part),
            "files": names,
            "lowerIsBetter": metric in LOWER_IS_BETTER,
            "headline": metric in headline,
        }


def _short(rows: pd.DataFrame) -> pd.DataFrame:
    """Keys cut to what tells them apart; the whole ones are in the languages' files."""
    seconds = {
        name: rows[name].astype(float).round(3) for name in ("proxy_seconds", "estimated_seconds")
    }
    return rows.assign(setting_key=rows["setting_key"].str[:16], **seconds)


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _languages(tables: Tables) -> list[dict[str, Any]]:
    """The languages of settings, by name, with how they are written."""
    known = {language["language"]: language for language in records(tables.languages)}
    for code in set(tables.rows["board_language"]) | set(tables.scores["board_language"]):
        known.setdefault(code, {"language": code, "name": code})
    for code, language in known.items():
        if found := own_name(code):
            language["own"], language["tag"], language["dir"] = found
    return sorted(known.values(), key=lambda language: str(language["name"]).casefold())


def _by_language(tables: Tables) -> Callable[[str], dict[str, pd.DataFrame]]:
    """What gives a language its part of the tables in PER_LANGUAGE, and of the samples."""
    frames = {name: getattr(tables, name) for name in PER_LANGUAGE}
    parts = {name: dict(groups(frame, ["board_language"])) for name, frame in frames.items()}

    def of(language: str) -> dict[str, pd.DataFrame]:
        own = {name: parts[name].get((language,), frames[name].head(0)) for name in PER_LANGUAGE}
        shown = tables.samples["evaluation_key"].isin(own["scores"]["evaluation_key"])
        return {**own, "samples": tables.samples[shown]}

    return of


def _start(
    tables: Tables,
    publication: Publication,
    tabs: list[dict[str, Any]],
    languages: list[dict[str, Any]],
) -> dict[str, Any]:
    ranking = rank(tables.rows)
    excluded = Counter(
        tuple(None if pd.isna(v) else v for v in row)
        for row in tables.excluded[["kind", "task", "metric", "model_id", "reason"]].to_numpy()
    )
    return {
        "title": publication.title,
        "snapshot": publication.snapshot,
        "version": publication.version,
        "made": publication.made_at.isoformat(timespec="seconds"),
        "tabs": tabs,
        "figures": _figures(tables.rows),
        "languages": languages,
        "models": records(tables.models),
        "seen": seen(tables.model_languages),
        "ranking": columns(ranking),
        "quality": columns(tables.quality),
        "drift": columns(tables.drift),
        "recommendations": columns(tables.recommendations.head(RECOMMENDATIONS)),
        "queue": len(tables.recommendations),
        "grades": len(tables.grades),
        "decisions": columns(_decisions(tables.choices)),
        "advice": columns(_advice(tables.advice)),
        "costs": columns(tables.costs),
        "corpora": columns(tables.corpora),
        "excluded": [[*what, n] for what, n in sorted(excluded.items(), key=lambda e: -e[1])],
        "rejected": [[name, reason] for name, reason in tables.rejected.items()],
        "columns": tables.columns,
    }


def _decisions(choices: pd.DataFrame) -> pd.DataFrame:
    """Means over the settings of a language: how likely a model is the best, and its regret."""
    by = ["task", "metric", "board_language", "model_id", "mode"]
    made = choices.assign(first=choices["choice"] == 1, observed=choices["basis"] == "observed")
    return (
        made.groupby(by)
        .agg(
            settings=("setting_key", "size"),
            probability_best=("probability_best", "mean"),
            expected_regret=("expected_regret", "mean"),
            first=("first", "sum"),
            observed=("observed", "sum"),
            missing=("missing_models", lambda lists: sorted({m for some in lists for m in some})),
        )
        .reset_index()
    )


def _advice(advice: pd.DataFrame) -> pd.DataFrame:
    """Means over the settings of a language: what fine-tuning gains, and in how many."""
    by = ["task", "metric", "board_language", "model_id"]
    said = {word: advice["advice"] == word for word in ("yes", "no", "uncertain")}
    return (
        advice.assign(**said)
        .groupby(by)
        .agg(
            settings=("setting_key", "size"),
            **{word: (word, "sum") for word in said},
            **{n: (n, "mean") for n in ("gain", "lower", "upper", "probability_gain")},
        )
        .reset_index()
    )


def _figures(rows: pd.DataFrame) -> dict[str, int]:
    predicted, observed = rows["predicted"].notna(), rows["observed"].notna()
    return {
        "languages": int(rows["board_language"].nunique()),
        "models": int(rows["model_id"].nunique()),
        "settings": int(rows["setting_key"].nunique()),
        "observed": int(observed.sum()),
        "predicted": int((predicted & ~observed).sum()),
        "abstained": int((~predicted & ~observed).sum()),
    }
