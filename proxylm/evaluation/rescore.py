"""Scores that are missing, from the hypotheses that were kept: no model and no torch.

A metric added later, another sacreBLEU version or a tokenizer found since give new score keys; what
has its score is not computed again. It knows files of hypotheses and no warehouse.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from proxylm.errors import ProxyLMError
from proxylm.evaluation.comet import Comet, Segment
from proxylm.evaluation.metrics import Measurement, measure
from proxylm.identity import score_key
from proxylm.records import Score

_COMET_SETS = 20
"""Evaluations that one start of COMET scores: few are lost with it, and it starts seldom."""


class Kept(NamedTuple):
    """An evaluation whose hypotheses were kept."""

    evaluation_key: str
    task: str
    target_lang: str
    hypotheses: str  # path below the home folder


@dataclass
class Rescored:
    """What was found, and what could not be used."""

    read: int = 0  # evaluations
    scores: list[Score] = field(default_factory=list)  # those that were missing
    missing: dict[str, str] = field(default_factory=dict)
    """Path of hypotheses, or evaluation, to what is wrong with it."""
    without_source: int = 0  # evaluations that COMET cannot score: older files have no source
    comet_failed: str | None = None  # why COMET gave no scores, or not all


class Lines(NamedTuple):
    """The lines of an evaluation, in the order of its test set."""

    hypotheses: list[str]
    references: list[str]
    sources: list[str] | None  # None in older files


def rescore(
    evaluations: Iterable[Kept],
    present: Collection[str],
    home: Path,
    metric: str | None = None,
    comet: Comet | None = None,
) -> Rescored:
    """The scores of `evaluations` whose score keys are not in `present`.

    `metric` restricts them to one metric, `comet` being COMET with any model. COMET is computed
    only where a scorer is given. A file or an evaluation that cannot be scored is named in the
    result and the others go on; so does a COMET that fails.
    """
    found = Rescored()
    for_comet: list[tuple[str, Lines]] = []
    for kept, lines in _read(evaluations, home, found.missing):
        found.read += 1
        key = kept.evaluation_key
        wanted = partial(_is_wanted, key, metric, present)
        try:
            made = measure(kept.task, *lines, target_lang=kept.target_lang, wanted=wanted)
        except (ProxyLMError, ValueError) as error:
            found.missing[f"{kept.hypotheses}, evaluation {key[:12]}"] = str(error)
            continue
        found.scores.extend(_score(key, measurement) for measurement in made)
        if comet and kept.task == "mt" and metric in (None, "comet"):
            if lines.sources is None:
                found.without_source += 1
            else:
                for_comet.append((key, lines))
    if comet and for_comet:
        found.comet_failed = _add_comet(found.scores, comet, for_comet, present)
    return found


def _is_wanted(
    key: str, metric: str | None, present: Collection[str], name: str, signature: str
) -> bool:
    return metric in (None, name) and score_key(key, name, signature) not in present


def _read(
    evaluations: Iterable[Kept], home: Path, missing: dict[str, str]
) -> Iterable[tuple[Kept, Lines]]:
    """Each evaluation with its lines; what is wrong with a file goes into `missing`."""
    files = defaultdict(list)
    for kept in evaluations:
        files[kept.hypotheses].append(kept)
    for name, of_file in files.items():
        try:
            table = pq.read_table(home / name).sort_by("segment")
            lines = {kept: _lines(table, kept.evaluation_key) for kept in of_file}
        except FileNotFoundError:
            missing[name] = "the file is not there"
            continue
        except (OSError, pa.ArrowException, KeyError) as error:
            missing[name] = f"cannot be read ({str(error).splitlines()[0]})"
            continue
        for kept, its_lines in lines.items():
            if its_lines.references:
                yield kept, its_lines
            else:
                missing[f"{name}, evaluation {kept.evaluation_key[:12]}"] = "it has no lines there"


def _lines(table: pa.Table, evaluation_key: str) -> Lines:
    rows = table.filter(pc.equal(table["evaluation_key"], evaluation_key))
    sources = rows["source"].to_pylist() if "source" in rows.column_names else None
    return Lines(rows["hypothesis"].to_pylist(), rows["reference"].to_pylist(), sources)


def _add_comet(
    scores: list[Score],
    comet: Comet,
    evaluations: Sequence[tuple[str, Lines]],
    present: Collection[str],
) -> str | None:
    """Add COMET's scores; returns why it stopped, or None."""
    try:
        signature = comet.signature()
        missing = [
            (key, lines)
            for key, lines in evaluations
            if score_key(key, comet.metric, signature) not in present
        ]
        for start in range(0, len(missing), _COMET_SETS):
            part = missing[start : start + _COMET_SETS]
            sets = [
                [Segment(*s) for s in zip(ls.sources or (), *ls[:2], strict=True)] for _, ls in part
            ]
            for (key, _), measurement in zip(part, comet.measure_all(sets), strict=True):
                scores.append(_score(key, measurement))
    except ProxyLMError as error:
        return str(error)
    return None


def _score(evaluation_key: str, measurement: Measurement) -> Score:
    return Score(
        score_key=score_key(evaluation_key, measurement.metric, measurement.signature),
        evaluation_key=evaluation_key,
        metric=measurement.metric,
        value=measurement.value,
        half_width=measurement.half_width,
        half_width_method=measurement.half_width_method,
        n_segments=measurement.n_segments,
        signature=measurement.signature,
        origin="measured",
        source="rescore",
    )
