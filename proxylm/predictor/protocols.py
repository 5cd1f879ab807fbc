"""What is held out when a predictor is judged: folds of training and test rows.

`random` is the paper's and leaks: settings of one fine-tuning land on both sides. `by_run` and
`by_run_pair` hold out whole fine-tunings; `lolo` holds out all settings of a language, on either
side (leave one language out, as in the paper). `unseen`, `cross_dataset` and `incremental` are the
paper's too: languages that a model was not pre-trained on, one file of records for another, and
less to train on. This module knows no regressor and no score: it cuts rows by what the settings
are. The paper's seeds give the paper's rows where these are in the order of its files.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupKFold, train_test_split

from proxylm.errors import InputError

SEEDS = (42, 43, 44, 45, 46)
RUN_SEEDS = SEEDS[:2]
"""Of by_run: two hold out each row twice; five cost as much as all the rest of a retrain."""

# fmt: off
PUBLISHED_COMET_LANGUAGES = (
    "afr_Latn", "amh_Ethi", "bel_Cyrl", "cym_Latn", "deu_Latn", "fra_Latn", "guj_Gujr", "hau_Latn",
    "hye_Armn", "ind_Latn", "jav_Latn", "kan_Knda", "kat_Geor", "kaz_Cyrl", "khm_Khmr", "kir_Cyrl",
    "kor_Hang", "mar_Deva", "mya_Mymr", "pan_Guru", "plt_Latn", "rus_Cyrl", "sin_Sinh", "snd_Arab",
    "som_Latn", "tam_Taml", "vie_Latn", "xho_Latn", "zho_Hans",
)
"""The 29 languages of the paper's COMET errors: pass them as `languages` to compare with those."""

PUBLISHED_UNSEEN_LANGUAGES = (
    "dik_Latn", "ewe_Latn", "fao_Latn", "hne_Deva", "kin_Latn", "kir_Cyrl", "lmo_Latn", "mri_Latn",
    "sna_Latn", "tat_Cyrl", "tuk_Latn",
)
"""The paper's languages of mt560 that M2M100 was not trained on. NLLB was trained on all."""
# fmt: on

MINIMUM_TRAINING_ROWS = 10
"""Rows below which `incremental` fits nothing."""

PORTIONS = (5, 10, 20, 35, 50, 75, 90)
"""Percent of the training rows that `incremental` leaves."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """One fit and the rows it is tested on.

    An error is the mean over `group` of the mean over parts of the RMSE of the group's rows in
    that part. So the folds of one seed share a group and are pooled. Folds that share one `train`
    are fitted once.
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

    @property
    def by_language(self) -> bool:
        """Whether the groups are the languages held out."""
        return self.protocol in ("lolo", "unseen", "unseen_reverse")


def _stratum(settings: pd.DataFrame) -> pd.Series:
    """What `random` keeps in proportion: for MT train corpus = test corpus, else the source."""
    if settings["task"].eq("mt").all():
        return settings["train_corpus"] == settings["test_corpus"]
    return settings["source_lang"]


def development_half(language: str) -> bool:
    """Whether choices of method may be made on this language; the other half judges them.

    Fixed by a hash of the code, so it is the same everywhere and nobody chose it.
    """
    return hashlib.sha256(language.encode()).digest()[-1] % 2 == 0


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


def by_run(settings: pd.DataFrame, seeds: Sequence[int] = RUN_SEEDS) -> Split:
    """5 folds a seed; settings of one fine-tuning stay together. InputError below 5 of them."""
    return Split("by_run", _by_group("by_run", settings["run_group"], seeds))


def by_run_pair(settings: pd.DataFrame, seeds: Sequence[int] = RUN_SEEDS) -> Split:
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


def unseen(
    settings: pd.DataFrame,
    languages: Sequence[str] = PUBLISHED_UNSEEN_LANGUAGES,
    reverse: bool = False,
) -> Split:
    """Train without `languages`, test on each of them, source and target side apart.

    With `reverse` these alone are trained on and all others tested. Raises InputError where
    nothing is left on either side.
    """
    name = "unseen_reverse" if reverse else "unseen"
    source = settings["source_lang"].to_numpy()
    target = settings["target_lang"].to_numpy()
    has_unseen = np.isin(source, languages) | np.isin(target, languages)
    # what is on both sides of every row, English in mt560, is no language to hold out
    common = {x for x in {*source, *target} if ((source == x) | (target == x)).all()}
    held = {*source[has_unseen != reverse], *target[has_unseen != reverse]} - common
    held = held - {*languages} if reverse else held & {*languages}
    is_held = np.isin(source, list(held)) | np.isin(target, list(held))
    train = np.flatnonzero(~is_held)
    if not held or not len(train):
        raise InputError(
            f"{name} needs settings with and without the languages that the paper calls unseen. "
            f"Leave {name} out for these settings."
        )
    folds = []
    for language in sorted(held):
        sides = {"source": source == language, "target": target == language}
        tests = {part: np.flatnonzero(rows) for part, rows in sides.items() if rows.any()}
        folds.append(Fold(language, train, tests))
    return Split(name, tuple(folds))


def cross_dataset(settings: pd.DataFrame) -> Split:
    """Train on the first file of records and test on the others, all rows of each at once.

    The column `records` says from which file a setting is; without two InputError.
    """
    files = settings["records"] if "records" in settings else pd.Series("", settings.index)
    names = list(dict.fromkeys(sorted(files)))
    if len(names) < 2:
        raise InputError(
            "cross_dataset needs the records of two experiments, mt560 and nusa in the release. "
            "Leave cross_dataset out, or pass a folder that holds both files."
        )
    train = np.flatnonzero(files == names[0])
    folds = [Fold(name, train, {"all": np.flatnonzero(files == name)}) for name in names[1:]]
    return Split("cross_dataset", tuple(folds))


def incremental(settings: pd.DataFrame, percent: int, seeds: Sequence[int] = SEEDS) -> Split:
    """`random` with only `percent` of its training rows, stratified as in the paper.

    Raises InputError where so few rows are left that nothing can be fitted on them.
    """
    strata = _stratum(settings).to_numpy()
    whole = random(settings, seeds)
    folds = []
    for seed, fold in zip(seeds, whole.folds, strict=True):
        counts = pd.Series(strata[fold.train]).value_counts()
        n_kept = int(np.ceil(percent / 100 * len(fold.train)))
        if n_kept < MINIMUM_TRAINING_ROWS:
            raise InputError(
                f"incremental_{percent} leaves {n_kept} rows to train on, "
                f"{MINIMUM_TRAINING_ROWS} are needed. Take a larger portion."
            )
        stratified = counts.min() >= 2 and len(counts) <= min(n_kept, len(fold.train) - n_kept)
        _, kept = train_test_split(
            fold.train,
            test_size=n_kept,
            random_state=seed,
            stratify=strata[fold.train] if stratified else None,
        )
        folds.append(Fold(fold.group, np.sort(kept), fold.tests))
    return Split(f"incremental_{percent}", tuple(folds), whole.notes)


PROTOCOLS: dict[str, Callable[[pd.DataFrame], Split]] = {
    "random": random,
    "by_run": by_run,
    "by_run_pair": by_run_pair,
    "lolo": lolo,
    "unseen": unseen,
    "unseen_reverse": partial(unseen, reverse=True),
    "cross_dataset": cross_dataset,
    **{f"incremental_{percent}": partial(incremental, percent=percent) for percent in PORTIONS},
}
"""Name to what cuts the rows; InputError where the settings do not allow it."""


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
