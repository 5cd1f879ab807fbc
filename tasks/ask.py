"""Questions about single settings, answered from the predictors in use without writing anything."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from proxylm.errors import InputError, UsageError
from proxylm.predictor.explain import Explanation, explain
from proxylm.predictor.hypothetical import with_setting
from proxylm.predictor.inputs import Frames, Inputs, Target, build_inputs
from proxylm.predictor.intervals import LEVEL
from proxylm.predictor.recommend import narrowing
from proxylm.predictor.store import Predictor
from proxylm.predictor.train import predict_rows
from tasks.predict import current_predictors
from warehouse.frames import read_frames
from warehouse.home import Home


class Question(NamedTuple):
    """A setting somebody asks about; what is None is left open."""

    task: str
    source_lang: str
    target_lang: str
    model_id: str | None = None
    metric: str | None = None
    train_corpus: str | None = None
    train_size: int | None = None
    test_corpus: str | None = None

    def __str__(self) -> str:
        return f"{self.task} {self.source_lang} to {self.target_lang}"


class _Asked(NamedTuple):
    """A predictor and the settings a question is about, among all inputs of its target."""

    target: Target
    predictor: Predictor
    inputs: Inputs
    keys: list[str]
    known: bool  # the warehouse has the settings; else one was made up


def predictions(home: str, question: Question, levels: Sequence[float] = (LEVEL,)) -> pd.DataFrame:
    """Predictions of the settings asked about whose score is not observed, a row a level.

    Columns: model_id, mode, metric, the corpora, level, predicted, lower, upper, status, reason,
    `missing_proxies` (their names) and `missing_inputs` (how many others are absent). Where the
    warehouse has no such setting, it is taken as one of the training and test corpus that most
    settings of the predictor have, or those asked for. Raises UsageError where no predictor is in
    use for the task and model.
    """
    rows = []
    for asked in _asked(home, question):
        part = asked.inputs.take(asked.inputs.X.index.isin(asked.keys)).unobserved()
        if part.y.empty:
            continue
        X = part.X.reindex(columns=asked.predictor.columns)
        proxies = [c for c in X if str(c).startswith("proxy:")]
        absent = X.isna()
        names = [str(column).removeprefix("proxy:") for column in proxies]
        without = pd.Series(
            [
                [name for name, gone in zip(names, row, strict=True) if gone]
                for row in absent[proxies].to_numpy()
            ],
            part.X.index,
        )
        for level in levels:
            said = predict_rows(asked.predictor, part, level)
            table = part.settings[["train_corpus", "train_size", "test_corpus"]].assign(
                model_id=asked.target.model_id,
                mode=asked.target.mode,
                metric=asked.target.metric,
                level=level,
                predicted=said["value"],
                lower=said["lower"],
                upper=said["upper"],
                status=said["status"],
                reason=said["reason"],
                missing_proxies=without,
                missing_inputs=(absent.sum(axis=1) - absent[proxies].sum(axis=1)).astype(int),
                hypothetical=not asked.known,
                predictor_id=asked.predictor.predictor_id,
            )
            rows.append(table)
    columns = [
        "model_id", "mode", "metric", "train_corpus", "train_size", "test_corpus", "level",
        "predicted", "lower", "upper", "status", "reason", "missing_proxies", "missing_inputs",
        "hypothetical", "predictor_id",
    ]  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=columns)
    return pd.concat(rows, ignore_index=True)[columns]


class Explained(NamedTuple):
    """An explanation with what it is about."""

    target: Target
    setting: dict[str, Any]  # languages, corpora
    observed: float | None  # the score, where it is known: then the predictor was fitted on it
    explanation: Explanation
    narrowing: pd.DataFrame  # what would narrow the interval; see `recommend.narrowing`


def explanations(home: str, question: Question, n: int = 5) -> list[Explained]:
    """Explanations of the settings asked about, those that a predictor does not abstain in.

    Raises UsageError where there is none, with the reasons.
    """
    found, reasons = [], []
    for asked in _asked(home, question):
        for key in asked.keys:
            try:
                told = explain(asked.predictor, asked.inputs, key, n)
            except InputError as error:
                reasons.append(f"{asked.target}: {error}")
                continue
            observed = float(asked.inputs.y[key])
            sure = np.isfinite(observed)
            setting = asked.inputs.settings.loc[key]
            sides = ["source_lang", "target_lang", "train_corpus", "train_size", "test_corpus"]
            open_ = not sure and asked.predictor.known is not None
            empty = pd.DataFrame()
            found.append(
                Explained(
                    asked.target,
                    {name: None if pd.isna(setting[name]) else setting[name] for name in sides},
                    observed if sure else None,
                    told,
                    narrowing(asked.predictor, asked.inputs, key) if open_ else empty,
                )
            )
    if not found:
        raise UsageError(f"nothing to explain for {question}: {' '.join(reasons) or 'no setting'}")
    return found


def _asked(home: str, question: Question) -> Iterator[_Asked]:
    here = Home.find(home)
    frames = Frames(*read_frames(here))
    current = [
        (target, path)
        for target, path in current_predictors(here)
        if target.task == question.task
        and question.model_id in (None, target.model_id)
        and question.metric in (None, target.metric)
    ]
    if not current:
        what = f"{question.task}{f' and {question.model_id}' if question.model_id else ''}"
        raise UsageError(
            f"there is no prediction for {question}: no predictor is in use for {what}; "
            "`plm-admin retrain` fits one where enough is observed"
        )
    for target, path in current:
        predictor = Predictor.load(here.path / path)
        inputs = build_inputs(frames, target)
        keys = _matching(inputs, question)
        known = bool(keys)
        if not known:
            more, key = with_setting(frames, *_filled(inputs, question))
            inputs = build_inputs(more, target)
            keys = [key] if key in inputs.X.index else []
        if keys:
            yield _Asked(target, predictor, inputs, keys, known)


def _matching(inputs: Inputs, question: Question) -> list[str]:
    """Settings of the inputs that the question is about."""
    settings = inputs.settings
    kept = np.ones(len(settings), bool)
    for name in ("source_lang", "target_lang", "train_corpus", "train_size", "test_corpus"):
        wanted = getattr(question, name)
        if wanted is not None:
            kept &= (settings[name] == wanted).to_numpy(bool)
    return [str(key) for key in settings.index[kept]]


def _filled(inputs: Inputs, question: Question) -> tuple[str, str, str, str, int | None, str]:
    """The setting asked about, with what was left open as in most training settings."""
    settings = inputs.training().settings
    for name in ("train_corpus", "train_size", "test_corpus"):
        wanted = getattr(question, name)
        alike = settings if wanted is None else settings[settings[name] == wanted]
        settings = alike if len(alike) else settings
    names = ["train_corpus", "train_size", "test_corpus"]
    usual = settings[names].value_counts(dropna=False).reset_index().iloc[0]
    corpus, size, test = (
        usual[name] if getattr(question, name) is None else getattr(question, name)
        for name in names
    )
    return (
        question.task,
        question.source_lang,
        question.target_lang,
        str(corpus),
        None if pd.isna(size) else int(size),
        str(test),
    )
