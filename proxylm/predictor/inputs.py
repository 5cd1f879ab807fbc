"""What a predictor sees: one row a setting, one column an input, built from frames.

Inputs are made here and nowhere else, for training and for prediction alike. A column's name
says where it comes from: `proxy:` another model's score, `own:` the estimated model's own
zero-shot score, `mean:` a proxy's mean over settings that share something, `difference:` of two
scores, `feature:` a statistic of data or a distance of languages, `fact:` what a source says of
languages and models, `setting:` a part of the setting itself. An absent value is NaN, never 0.
This module knows no regressor and no file.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from proxylm import facts
from proxylm.errors import InputError
from proxylm.identity import board_language, digest
from proxylm.records import HEADLINE_METRICS

MINIMUM_ROWS = 20
"""Observed settings below which nothing is fitted."""

MINIMUM_LANGUAGES = 3
"""Languages below which holding one out says nothing."""

MINIMUM_PRESENT = 0.2
"""Share of training rows in which a column has to be present."""


MAXIMUM_COMPARED = 6
"""Scores whose differences are inputs: those present in most rows; pairs grow with the square."""


@dataclass(frozen=True)
class Frames:
    """The warehouse's frames from which inputs are built."""

    settings: pd.DataFrame  # a row a setting
    setting_scores: pd.DataFrame  # a row a (setting, model, mode, metric)
    features: pd.DataFrame  # a row a (setting, feature set, name)
    models: pd.DataFrame  # a row a model and revision, with its roles
    model_languages: pd.DataFrame | None = None  # a row a model and a language that it knows


@dataclass(frozen=True)
class Target:
    """What one predictor predicts."""

    task: str
    metric: str
    model_id: str
    mode: str
    input_set: str  # proxies, or proxies+zero_shot: also the model's own zero-shot scores

    def __str__(self) -> str:
        return f"{self.task}/{self.model_id}/{self.mode}/{self.metric} from {self.input_set}"


@dataclass(frozen=True)
class Inputs:
    """Aligned inputs of one target; all frames and series are indexed by sorted setting_key."""

    target: Target
    feature_set: str  # the one set the rows share; `none` where the task has no features
    X: pd.DataFrame  # float, NaN where absent; columns in sorted order
    y: pd.Series  # the score to predict, NaN where it was not observed
    half_width: pd.Series  # 95 % half-width of y, NaN where unknown
    settings: pd.DataFrame  # languages, corpora, run_group and `language`, the board's

    @property
    def proxy_columns(self) -> list[str]:
        """Columns of X that are scores of proxy models."""
        return _named(self.X, "proxy:")

    @property
    def line_columns(self) -> list[str]:
        """Score columns, of proxies or the model itself, in the predicted metric."""
        return _named(self.X, ("proxy:", "own:"), f"/{self.target.metric}")

    def take(self, rows: npt.NDArray[np.bool_]) -> "Inputs":
        """The same inputs with only the rows where `rows` is true."""
        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            half_width=self.half_width[rows],
            settings=self.settings[rows],
        )

    @property
    def has_proxy(self) -> npt.NDArray[np.bool_]:
        """Which rows have any proxy score; the others get no prediction."""
        return self.X[self.proxy_columns].notna().any(axis=1).to_numpy()

    def observed(self) -> "Inputs":
        """The settings whose score is known."""
        return self.take(self.y.notna().to_numpy())

    def training(self) -> "Inputs":
        """What a predictor is trained and judged on: a known score and any proxy score."""
        return self.take(self.y.notna().to_numpy() & self.has_proxy)

    def unobserved(self) -> "Inputs":
        """The settings whose score is to be predicted."""
        return self.take(self.y.isna().to_numpy())

    def check_trainable(self) -> None:
        """Raises InputError, with the way on, where nothing honest can be fitted."""
        training = self.training()
        languages = training.settings["language"].nunique()
        how = f"Evaluate {self.target.model_id} ({self.target.mode}) on more settings."
        if not self.y.notna().any():
            reason = f"it is observed in no setting, {MINIMUM_ROWS} are needed"
        elif not self.proxy_columns:
            reason = "no proxy score is present in enough of the observed settings"
            how = "Evaluate a proxy model on them."
        elif len(training.y) < MINIMUM_ROWS:
            reason = (
                f"{len(training.y)} observed settings have a proxy score, {MINIMUM_ROWS} are needed"
            )
        elif languages < MINIMUM_LANGUAGES:
            reason = f"observed settings of {languages} languages, {MINIMUM_LANGUAGES} are needed"
        elif training.y.nunique() == 1:
            reason = f"all {len(training.y)} observed scores are equal"
        else:
            return
        raise InputError(f"{self.target} cannot be fitted: {reason}. {how}")

    def content_digest(self) -> str:
        """SHA-256 over the training rows: keys, settings, inputs, scores and their noise."""
        training = self.training()
        numbers = np.column_stack([training.X, training.y, training.half_width]).astype("<f8")
        numbers[np.isnan(numbers)] = np.nan  # one bit pattern for every NaN
        groups = training.settings[
            ["source_lang", "target_lang", "train_corpus", "test_corpus", "run_group"]
        ]
        return digest(
            {
                "keys": training.X.index.tolist(),
                "columns": training.X.columns.tolist(),
                "groups": groups.to_numpy(str).tolist(),
                "numbers": hashlib.sha256(numbers.tobytes()).hexdigest(),
            }
        )


def _named(frame: pd.DataFrame, start: str | tuple[str, ...], end: str = "") -> list[str]:
    """Names of the columns that start and end so."""
    return [name for name in map(str, frame) if name.startswith(start) and name.endswith(end)]


def _roles(models: pd.DataFrame, column: str) -> set[tuple[str, str]]:
    """The (model id, mode) pairs that have the role named by `column` in any revision."""
    rows = zip(models["model_id"], models[column], strict=True)
    return {(model_id, mode) for model_id, modes in rows for mode in modes}


def targets(frames: Frames, minimum_rows: int = MINIMUM_ROWS) -> list[Target]:
    """What can be fitted: each estimated (model, mode) with enough observed headline scores.

    The input set holds the model's own zero-shot scores where there are any.
    """
    estimated = _roles(frames.models, "estimated_modes")
    tasks = frames.settings.set_index("setting_key")["task"]
    scores = frames.setting_scores.assign(task=frames.setting_scores["setting_key"].map(tasks))
    scores = scores.dropna(subset=["task"])
    counts = Counter(zip(*(scores[c] for c in ("task", "model_id", "mode", "metric")), strict=True))
    found = []
    for (task, model_id, mode, metric), count in sorted(counts.items()):
        headline = metric in HEADLINE_METRICS[task]
        if (model_id, mode) in estimated and headline and count >= minimum_rows:
            own = mode != "zero_shot" and (task, model_id, "zero_shot", metric) in counts
            input_set = "proxies+zero_shot" if own else "proxies"
            found.append(Target(task, metric, model_id, mode, input_set))
    return found


def _score_columns(frames: Frames, target: Target, keys: pd.Index) -> pd.DataFrame:
    """One column per (model, mode, metric) that may be an input of `target`."""
    proxies = _roles(frames.models, "proxy_modes") - _roles(frames.models, "estimated_modes")
    scores = frames.setting_scores
    scores = scores[scores["setting_key"].isin(keys)]
    pairs = pd.Series(list(zip(scores["model_id"], scores["mode"], strict=True)), scores.index)
    is_own = scores["model_id"] == target.model_id
    is_proxy = pairs.isin(list(proxies)) & ~is_own
    uses_own = target.input_set == "proxies+zero_shot" and target.mode != "zero_shot"
    allowed = is_proxy | (is_own & (scores["mode"] == "zero_shot") & uses_own)
    scores = scores[allowed]
    kind = np.where(is_own[allowed], "own:", "proxy:")
    name = kind + scores["model_id"] + "/" + scores["mode"] + "/" + scores["metric"]
    return scores.assign(name=name).pivot(index="setting_key", columns="name", values="value")


def sides(settings: pd.DataFrame) -> dict[str, list[pd.Series]]:
    """What tells settings with the same training side and those with the same test set.

    A text to translate is in one language and its translations are in others: in MT a test set
    is one of a pair of languages.
    """
    test = ["target_lang", "test_corpus"]
    if settings["task"].eq("mt").all():
        test.insert(0, "source_lang")
    return {"run": [settings["run_group"]], "test": [settings[column] for column in test]}


def _means(proxies: pd.DataFrame, settings: pd.DataFrame) -> pd.DataFrame:
    """The means of each of `proxies` over settings of the same training run or test set.

    They need proxy scores alone, so they are known wherever the proxies have been run. The
    predicted metric's are enough; those of the other metrics added nothing on published records.
    """
    found = []
    for side, keys in sides(settings).items():
        means = proxies.groupby(keys, dropna=False).transform("mean")
        found.append(
            means.set_axis([f"mean:{side}:{name[6:]}" for name in map(str, proxies)], axis=1)
        )
    return pd.concat(found, axis=1)


def _differences(scores: pd.DataFrame, training: pd.Series) -> pd.DataFrame:
    """By how much each score is above each other one: what fine-tuning gained a proxy, say.

    Of those that most training rows have. Trees and distances see it in no single score.
    """
    present = scores[training].notna().sum().sort_values(ascending=False, kind="stable")
    compared = sorted(map(str, present.index[:MAXIMUM_COMPARED]))
    found = {
        f"difference:{one} - {other}": scores[one] - scores[other]
        for one, other in combinations(compared, 2)
    }
    return pd.DataFrame(found, index=scores.index)


def _facts(frames: Frames, target: Target, settings: pd.DataFrame) -> pd.DataFrame:
    """What sources say of each setting's languages, and whether the models know them.

    A model without a list of languages is unknown, not without languages: it gives no column.
    """
    rows = frames.features[frames.features["feature_set"] == facts.FEATURE_SET]
    rows = rows[rows["setting_key"].isin(settings.index)]
    rows = rows.assign(name="fact:" + rows["name"].astype(str))
    found = rows.pivot(index="setting_key", columns="name", values="value")
    found = found.reindex(settings.index)
    if frames.model_languages is None:
        return found
    proxies = {model_id for model_id, _ in _roles(frames.models, "proxy_modes")}
    listed = frames.model_languages.groupby("model_id")["language"].agg(set)
    for model_id in sorted({target.model_id, *proxies} & set(listed.index)):
        kind = "own" if model_id == target.model_id else model_id
        for side in ("source", "target"):
            known = settings[f"{side}_lang"].isin(listed[model_id])
            found[f"fact:{side}_known:{kind}"] = known.astype(float)
    return found


def _features(
    frames: Frames, keys: pd.Index, training: pd.Index, feature_set: str | None
) -> tuple[str, pd.DataFrame]:
    """The chosen feature set and its columns: by default the one most training rows have."""
    rows = frames.features[frames.features["setting_key"].isin(keys)]
    rows = rows[rows["feature_set"] != facts.FEATURE_SET]  # they stand beside a set, never for one
    if feature_set is None:
        seen = rows.drop_duplicates(["feature_set", "setting_key"])
        counts = seen["setting_key"].isin(training).groupby(seen["feature_set"]).sum()
        feature_set = str(counts.idxmax()) if len(counts) else "none"  # of equals the first
    rows = rows[rows["feature_set"] == feature_set]
    rows = rows.assign(name="feature:" + rows["name"].astype(str))
    return feature_set, rows.pivot(index="setting_key", columns="name", values="value")


def build_inputs(
    frames: Frames, target: Target, feature_set: str | None = None, metadata: bool = True
) -> Inputs:
    """Inputs of `target` for the settings of its task, whatever the order of the frames' rows.

    Without `metadata` the facts about languages and models are left out. They are left out too
    where the model's own zero-shot scores are inputs: those say more, and on the published records
    the facts beside them made errors larger.

    The model's own score in the predicted mode is no input in any metric, nor is a score that
    is itself estimated for another model. Columns are kept that are present in at least 20 % of
    the training rows and in one row to predict. Left out are unobserved settings out of reach: of
    a training corpus without observed scores, and without a score that is such an input (another
    experiment of the same task). Raises InputError where a (setting, model, mode,
    metric) has two scores.
    """
    settings = frames.settings[frames.settings["task"] == target.task]
    settings = settings.set_index("setting_key").sort_index()
    languages = zip(settings["source_lang"], settings["target_lang"], strict=True)
    settings["language"] = [board_language(target.task, s, t) for s, t in languages]
    keys = settings.index

    identity = ["setting_key", "model_id", "mode", "metric"]
    twice = frames.setting_scores[frames.setting_scores.duplicated(identity)]
    if len(twice):
        what = ", ".join(map(str, twice.iloc[0][identity]))
        raise InputError(f"Two scores for one setting: {what}. Keep one of them.")

    scores = frames.setting_scores.set_index("setting_key")
    is_target = (
        (scores["model_id"] == target.model_id)
        & (scores["mode"] == target.mode)
        & (scores["metric"] == target.metric)
    )
    observed = scores[is_target][["value", "half_width"]].astype(float).reindex(keys)
    y, half_width = observed["value"], observed["half_width"]

    score_columns = _score_columns(frames, target, keys).reindex(keys)
    proxies = score_columns[_named(score_columns, "proxy:")]
    means = _means(proxies[_named(proxies, "proxy:", f"/{target.metric}")], settings)
    in_metric = score_columns[_named(score_columns, ("proxy:", "own:"), f"/{target.metric}")]
    training = y.notna() & proxies.notna().any(axis=1)
    feature_set, features = _features(frames, keys, keys[training], feature_set)
    metadata = metadata and not score_columns.columns.str.startswith("own:").any()
    said = _facts(frames, target, settings) if metadata else pd.DataFrame(index=keys)
    differences = _differences(in_metric, training)
    X = pd.concat([score_columns, means, differences, features.reindex(keys), said], axis=1)
    X["setting:train_size"] = settings["train_size"]
    X["setting:same_corpus"] = settings["train_corpus"] == settings["test_corpus"]
    if target.task == "mt":
        X["setting:into_english"] = settings["target_lang"] == "eng_Latn"
    X = X.astype(float).sort_index(axis=1)

    kept = X[training].notna().mean() >= MINIMUM_PRESENT
    corpora = settings["train_corpus"]
    has_input = X[_named(X.loc[:, kept], "proxy:")].notna().any(axis=1)
    in_reach = y.notna() | has_input | corpora.isin(corpora[training])
    if (in_reach & y.isna()).any():
        kept &= X[in_reach & y.isna()].notna().any()
    inputs = Inputs(target, feature_set, X.loc[:, kept], y, half_width, settings)
    return inputs.take(in_reach.to_numpy())
