"""What is held out when a predictor is judged: folds of training and test rows.

`random` is the paper's and leaks: settings of one fine-tuning land on both sides. `by_run` and
`by_run_pair` hold out whole fine-tunings; `lolo` holds out all settings of a language, on either
side (leave one language out, as in the paper). This module knows no regressor and no score: it
cuts rows by what the settings are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupKFold, train_test_split

from proxylm.errors import InputError

SEEDS = (42, 43, 44, 45, 46)

# fmt: off
PUBLISHED_COMET_LANGUAGES = (
    "afr_Latn", "amh_Ethi", "bel_Cyrl", "cym_Latn", "deu_Latn", "fra_Latn", "guj_Gujr", "hau_Latn",
    "hye_Armn", "ind_Latn", "jav_Latn", "kan_Knda", "kat_Geor", "kaz_Cyrl", "khm_Khmr", "kir_Cyrl",
    "kor_Hang", "mar_Deva", "mya_Mymr", "pan_Guru", "plt_Latn", "rus_Cyrl", "sin_Sinh", "snd_Arab",
    "som_Latn", "tam_Taml", "vie_Latn", "xho_Latn", "zho_Hans",
)
# fmt: on
"""The 29 languages of the paper's COMET errors: pass them as `languages` to compare with those."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """One fit and the rows it is tested on.

    An error is the mean over `group` of the mean over parts of the RMSE of the group's rows in
    that part. So the folds of one seed share a group and are pooled.
    """

    group: str  # the language held out, or the seed
    train: Rows  # positions in the settings
    tests: dict[str, Rows]  # part to positions: source and target, or all


@dataclass(frozen=True)
class Split:
    """The folds of one protocol, with what a reader has to know about them."""

    protocol: str
    folds: tuple[Fold, ...]
    notes: tuple[str, ...] = ()


def _stratum(settings: pd.DataFrame) -> pd.Series:
    """What `random` keeps in proportion: for MT train corpus = test corpus, else the source."""
    if settings["task"].eq("mt").all():
        return settings["train_corpus"] == settings["test_corpus"]
    return settings["source_lang"]


def random(settings: pd.DataFrame, seeds: Sequence[int] = SEEDS) -> Split:
    """70/30 splits of the rows, one a seed, stratified as in the paper where strata allow it."""
    strata = _stratum(settings)
    n_test = int(np.ceil(0.3 * len(settings)))
    stratified = strata.value_counts().min() >= 2 and strata.nunique() <= n_test
    folds = []
    for seed in seeds:
        train, test = train_test_split(
            np.arange(len(settings)),
            test_size=0.3,
            random_state=seed,
            stratify=strata if stratified else None,
        )
        folds.append(Fold(f"seed {seed}", np.sort(train), {"all": np.sort(test)}))
    notes = () if stratified else ("not stratified: a stratum has too few rows",)
    return Split("random", tuple(folds), notes)


def _by_group(
    protocol: str, groups: pd.Series, seeds: Sequence[int], n_folds: int = 5
) -> tuple[Fold, ...]:
    if groups.nunique() < n_folds:
        raise InputError(
            f"{protocol} needs {n_folds} run groups to hold out and there are {groups.nunique()}. "
            f"Leave {protocol} out, or evaluate more training runs."
        )
    folds = []
    for seed in seeds:
        cut = GroupKFold(n_folds, shuffle=True, random_state=seed)
        for train, test in cut.split(groups, groups=groups):
            folds.append(Fold(f"seed {seed}", train, {"all": test}))
    return tuple(folds)


def by_run(settings: pd.DataFrame, seeds: Sequence[int] = SEEDS) -> Split:
    """5 folds a seed; settings of one fine-tuning stay together. InputError below 5 of them."""
    return Split("by_run", _by_group("by_run", settings["run_group"], seeds))


def by_run_pair(settings: pd.DataFrame, seeds: Sequence[int] = SEEDS) -> Split:
    """Like `by_run`, with the two directions of a language pair in MT held out together."""
    groups = settings["run_group"]
    if settings["task"].eq("mt").all():
        sides = settings[["source_lang", "target_lang"]]
        ends = sides.min(axis=1) + "-" + sides.max(axis=1)
        groups = settings["train_corpus"] + ":" + settings["train_size"].astype(str) + ":" + ends
    return Split("by_run_pair", _by_group("by_run_pair", groups, seeds))


def lolo(settings: pd.DataFrame, languages: Sequence[str] | None = None) -> Split:
    """One fold a language: train where neither side is it, test where the source or target is.

    A language without which nothing is left to train on (English in mt560) is never held out.
    With `languages` only these are held out, and only rows with one of them are used.
    """
    source = settings["source_lang"].to_numpy()
    target = settings["target_lang"].to_numpy()
    used = np.ones(len(settings), bool)
    if languages is not None:
        used = np.isin(source, languages) | np.isin(target, languages)
    present = {*source[used], *target[used]}
    folds, kept = [], []
    for language in sorted(present if languages is None else present & {*languages}):
        sides = {"source": used & (source == language), "target": used & (target == language)}
        train = used & (source != language) & (target != language)
        if not train.any():
            kept.append(language)
            continue
        tests = {part: np.flatnonzero(rows) for part, rows in sides.items() if rows.any()}
        folds.append(Fold(language, np.flatnonzero(train), tests))
    notes = (f"never held out: {', '.join(kept)}",) if kept else ()
    return Split("lolo", tuple(folds), notes)


PROTOCOLS: dict[str, Callable[[pd.DataFrame], Split]] = {
    "random": random,
    "by_run": by_run,
    "by_run_pair": by_run_pair,
    "lolo": lolo,
}


def shared_with_training(settings: pd.DataFrame, split: Split) -> dict[str, float]:
    """The leak alarm: shares, 0-1, of the test rows that have something in the training rows.

    `shared_run_group`: their fine-tuning; `shared_languages`: both of their languages.
    """
    group = settings["run_group"].to_numpy()
    source = settings["source_lang"].to_numpy()
    target = settings["target_lang"].to_numpy()
    run_shared, languages_shared = [], []
    for fold in split.folds:
        seen = {*source[fold.train], *target[fold.train]}
        test = np.concatenate(list(fold.tests.values()))
        run_shared.append(np.isin(group[test], group[fold.train]))
        languages_shared.append(
            np.isin(source[test], list(seen)) & np.isin(target[test], list(seen))
        )
    return {
        "shared_run_group": float(np.concatenate(run_shared).mean()),
        "shared_languages": float(np.concatenate(languages_shared).mean()),
    }
