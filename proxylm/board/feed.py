"""What changed, as an Atom feed (RFC 4287): scores that came in, predictors, graded forecasts.

Made from the tables alone, so that the same warehouse gives the same entries. It knows no former
publication.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import pandas as pd

from proxylm.board.tables import Publication, Tables, groups

ENTRIES = 50
_NAMESPACE = uuid.UUID("6f5d9f7c-6b1c-5c0c-9b51-6d5b6c1a9d0e")  # of the entries' ids, never changed


class Change(NamedTuple):
    """One entry."""

    at: datetime
    title: str
    what: str  # in a sentence
    key: str  # the same change has the same key in every feed


def changes(tables: Tables) -> list[Change]:
    """The latest changes, newest first, at most ENTRIES."""
    found = [*_scores(tables.scores), *_predictors(tables), *_grades(tables.grades)]
    found += _alarms(tables.drift)
    return sorted(found, key=lambda change: (change.at, change.key), reverse=True)[:ENTRIES]


def atom(tables: Tables, publication: Publication) -> bytes:
    """The feed."""
    Xml.register_namespace("", "http://www.w3.org/2005/Atom")
    feed = _element(None, "feed")
    _element(feed, "title", publication.title)
    _element(feed, "id", uuid.uuid5(_NAMESPACE, "feed").urn)
    _element(feed, "updated", _time(publication.made_at))
    _element(_element(feed, "author"), "name", f"proxylm-ops {publication.version}")
    _element(feed, "link", rel="alternate", href="index.html")
    for change in changes(tables):
        entry = _element(feed, "entry")
        _element(entry, "title", _printable(change.title))
        _element(entry, "id", uuid.uuid5(_NAMESPACE, change.key).urn)
        _element(entry, "updated", _time(change.at))
        _element(entry, "link", rel="alternate", href="index.html")
        _element(entry, "summary", _printable(change.what))
    content: bytes = Xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return content


def _scores(scores: pd.DataFrame) -> Iterator[Change]:
    once = scores.drop_duplicates("score_key")
    by = ["loaded_at", "task", "model_id", "mode", "origin"]
    for key, part in groups(once, by):
        at, task, model, mode, origin = key
        languages = part["board_language"].nunique()
        yield Change(
            at,
            f"{len(part):,} {task} scores of {model} came in",
            f"{len(part):,} {origin} scores of {model} ({mode}) in {languages} languages.",
            f"scores {key}",
        )


def _predictors(tables: Tables) -> Iterator[Change]:
    lolo = tables.quality.query("protocol == 'lolo' and statistic == 'rmse'")
    own = lolo[lolo["regressor"] == lolo["predictor_regressor"]]
    errors = dict(zip(own["predictor_id"], own["value"], strict=True))
    for row in tables.predictors.to_dict("records"):
        error = errors.get(row["predictor_id"])
        said = "" if error is None else f" Its error on languages left out is {error:.3g}."
        yield Change(
            row["made_at"],
            f"new predictor of {row['metric']} for {row['model_id']}",
            f"Fitted on {row['n_rows']:,} rows of {row['task']} ({row['mode']}).{said}",
            f"predictor {row['predictor_id']}",
        )


def _grades(grades: pd.DataFrame) -> Iterator[Change]:
    by = ["observed_at", "task", "metric", "model_id", "mode"]
    for key, part in groups(grades, by):
        at, task, metric, model, mode = key
        error = float((part["error"] ** 2).mean() ** 0.5)
        yield Change(
            at,
            f"{len(part):,} forecasts of {model} were graded",
            f"{metric} of {model} ({task}, {mode}): error {error:.3g}, "
            f"{int(part['inside'].fillna(False).sum()):,} of {len(part):,} inside their interval.",
            f"grades {key}",
        )


def _alarms(drift: pd.DataFrame) -> Iterator[Change]:
    for row in drift[drift["alarm"].astype(bool)].to_dict("records"):
        where = "all languages together" if row["language"] == "*" else row["language"]
        yield Change(
            row["made_at"] if pd.isna(row["since"]) else row["since"],
            f"forecasts of {row['model_id']} no longer hold",
            f"{row['task']} {row['metric']}, {where}: {row['coverage']:.0%} of "
            f"{row['n_forecasts']:,} forecasts were inside their interval.",
            f"alarm {[row[name] for name in ('task', 'metric', 'model_id', 'mode', 'language')]}"
            f"{row['since']}",
        )


def _element(
    parent: Xml.Element | None, name: str, text: str = "", **attributes: str
) -> Xml.Element:
    tag = f"{{http://www.w3.org/2005/Atom}}{name}"
    made = (
        Xml.Element(tag, attributes) if parent is None else Xml.SubElement(parent, tag, attributes)
    )
    if text:
        made.text = text
    return made


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
