"""A fitted predictor: what it is called, what it says, and how it is kept.

A folder holds `predictor.json`, trees within it in LightGBM's own text format, and its sum in
`SHA256SUMS`, as `sha256sum --check` reads it. No pickle: loading runs no code. The sum finds
damage, not a forger who can write both. This module knows no warehouse.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import proxylm
from proxylm.errors import InputError
from proxylm.identity import canonical_json, digest
from proxylm.predictor import intervals
from proxylm.predictor.error_scale import describe
from proxylm.predictor.fewshot import KnownErrors
from proxylm.predictor.inputs import Inputs
from proxylm.predictor.regressors import Regressor, make
from proxylm.predictor.shift import Shift

FORMAT = 4
PREDICTOR, SUMS = "predictor.json", "SHA256SUMS"
PACKAGES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy")


def _code_version() -> str:
    """Version of the package and digest of this folder's sources, for those who run a checkout."""
    folder = Path(__file__).parent
    sources = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    content = [(name, (folder / name).read_text(encoding="utf-8")) for name in sources]
    return f"{proxylm.__version__}+{digest(content)[:12]}"


def signature(inputs: Inputs, regressor: str) -> dict[str, Any]:
    """Everything that determines the predictor fitted on `inputs`, known before it is fitted."""
    training = inputs.training()
    return {
        "task": inputs.target.task,
        "metric": inputs.target.metric,
        "model_id": inputs.target.model_id,
        "mode": inputs.target.mode,
        "input_set": inputs.target.input_set,
        "feature_set": inputs.feature_set,
        "regressor": regressor,
        "parameters": make(regressor, inputs.line_columns).get_params(),
        "columns": list(inputs.X.columns),
        "n_rows": len(training.y),
        "rows": inputs.content_digest(),
        "code": _code_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def fingerprint(inputs: Inputs, regressor: str = "lightgbm") -> str:
    """The `predictor_id` that fitting would give: equal ones need not be fitted again."""
    return digest(signature(inputs, regressor))


def no_proxy_reason(columns: list[str]) -> str:
    """Why a row without any of these proxy columns gets no prediction, and what would help."""
    names = {column.removeprefix("proxy:").rpartition("/")[0] for column in columns}
    return f"no proxy score: evaluate one of {', '.join(sorted(names))}"


@dataclass(frozen=True)
class Predictor:
    """A fitted regressor with what its intervals are made from."""

    signature: Mapping[str, Any]
    regressor: Regressor
    calibration: intervals.Calibration
    shift: Shift  # how far a row is from the training rows
    known: KnownErrors | None = None  # errors with the fine-tuning held out; see `fewshot`

    @property
    def predictor_id(self) -> str:
        """SHA-256 of the signature."""
        return digest(dict(self.signature))

    @property
    def columns(self) -> list[str]:
        """Names of the inputs, in order."""
        return list(self.signature["columns"])

    def predict(
        self,
        X: pd.DataFrame,
        level: float = intervals.LEVEL,
        settings: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Value, lower, upper, level, status, reason for each row of `X`, with its index.

        `settings`, the rows of `Inputs.settings`, is for regressors that use what a setting is.
        Columns of `X` that the predictor does not have are ignored, absent ones are NaN. A row
        without any proxy score, or too far from the training rows (see `shift`), is `abstained`,
        its numbers NaN, with the reason. Where the languages known are too few for an interval of
        that level, lower, upper and level are NaN and the reason says so; the status is still
        `predicted`. Raises UsageError for a level outside 0 to 1.
        """
        X = X.reindex(columns=self.columns).astype(float)
        proxies = [column for column in self.columns if column.startswith("proxy:")]
        reason = pd.Series(self.shift.reasons(X), X.index, dtype=object)
        reason[X[proxies].isna().all(axis=1)] = no_proxy_reason(proxies)
        abstained = reason.notna()
        metric = self.signature["metric"]
        values = np.empty(0)
        if len(X):
            values = intervals.clip(self.regressor.predict(X, settings), metric)
        half_widths = self.calibration.half_widths(describe(X, values, metric), level)
        half_widths = half_widths * self.shift.widening(X)
        lower, upper = intervals.bounds(values, half_widths, metric)
        table = pd.DataFrame({"value": values, "lower": lower, "upper": upper}, index=X.index)
        table["level"] = np.where(np.isfinite(half_widths), level, np.nan)
        table.loc[abstained, ["value", "lower", "upper", "level"]] = np.nan
        table["status"] = np.where(abstained, "abstained", "predicted")
        unbounded = no_interval_reason(self.calibration.n_languages, level)
        table["reason"] = reason.mask(~abstained & ~np.isfinite(half_widths), unbounded)
        return table

    def save(self, folder: Path) -> None:
        """Write the predictor into the new folder `folder`, whole or not at all.

        A folder that is already there is left alone: the same id is the same predictor.
        """
        if folder.exists():
            return
        text = canonical_json(
            {
                "format": FORMAT,
                "predictor_id": self.predictor_id,
                "signature": dict(self.signature),
                "state": self.regressor.get_state(),
                "calibration": self.calibration.get_state(),
                "shift": self.shift.get_state(),
                "known": self.known.get_state() if self.known else None,
            }
        )
        files = {
            PREDICTOR: text,
            SUMS: f"{hashlib.sha256(text.encode()).hexdigest()}  {PREDICTOR}\n",
        }
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".predictor-", dir=folder.parent))
        try:
            for name, written in files.items():
                (temporary / name).write_bytes(written.encode())
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> "Predictor":
        """The predictor that `save` wrote.

        Raises InputError, naming the file and the way on, where one is missing or not as it was
        written, or comes from a newer program.
        """
        content = json.loads(_checked(folder))
        if content["format"] != FORMAT:
            raise InputError(
                f"{folder / PREDICTOR} has format {content['format']} and this program reads "
                f"format {FORMAT}. Install the newer proxylm-ops, or retrain."
            )
        described = content["signature"]
        regressor = make(described["regressor"], ())
        regressor.set_params(**described["parameters"])
        calibration = intervals.Calibration.from_state(content["calibration"])
        shift = Shift().set_state(content["shift"])
        known = KnownErrors.of_state(content["known"]) if content["known"] else None
        return cls(described, regressor.set_state(content["state"]), calibration, shift, known)


def no_interval_reason(n_languages: int, level: float) -> str:
    """Why a prediction has no interval."""
    needed = intervals.languages_needed(level)
    return f"no {level:.0%} interval: observed errors in {n_languages} languages, {needed} needed"


def _checked(folder: Path) -> str:
    """Text of the predictor's file, checked against its sum."""
    way_on = "Delete the folder and retrain."
    try:
        lines = (folder / SUMS).read_text(encoding="ascii").splitlines()
        sums = {name: sum_ for sum_, name in (line.split("  ", 1) for line in lines)}
        content = (folder / PREDICTOR).read_bytes()
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is missing: backups and exports hold no predictors. "
                "`plm-admin retrain` fits it again."
            ) from error
        raise InputError(f"{error.filename} is missing. {way_on}") from error
    except ValueError as error:
        raise InputError(f"{folder / SUMS} cannot be read: {error}. {way_on}") from error
    if PREDICTOR not in sums:
        raise InputError(f"{folder / SUMS} does not name {PREDICTOR}. {way_on}")
    if hashlib.sha256(content).hexdigest() != sums[PREDICTOR]:
        raise InputError(f"{folder / PREDICTOR} is not as it was written. {way_on}")
    return content.decode()
