"""What a retrain costs as records grow, beside the paper's pipeline, and how fast it answers.

Invented records with the shape of mt560: 50 languages to and from English, 1,954 rows, four columns
of scores in six metrics, 33 features; more rows have more corpora. For each size, in a process of
its own: seconds of a fit, seconds for 100,000 settings, peak memory. Then leave-one-language-out of
the default with quality and intervals, beside the paper's LightGBM with its grid on some of the
same folds, scaled to all. Asked: growth at most n log n, 100,000 settings under 10 s, one setting
under 50 ms, at most 0.2 of the paper's time.

    python benchmarks/retrain.py [--rows 1000 10000 100000] [--regressor NAME] [--folds 3]
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from itertools import combinations

import numpy as np
import pandas as pd

from proxylm.predictor import Inputs, Target, fit
from proxylm.predictor.protocols import lolo
from proxylm.predictor.quality import fit_rows
from proxylm.predictor.regressors import make
from tasks.retrain import REGRESSOR

LANGUAGES = [f"l{number:02d}_Latn" for number in range(50)]
METRICS = ("spBLEU", "chrF2++", "BLEU", "chrF2", "TER", "comet")
MODELS = (
    "own:big/zero_shot",
    "proxy:small/fine_tuned",
    "proxy:small/zero_shot",
    "proxy:scratch/from_scratch",
)
SHAPE = 1954  # rows of mt560
TEST_SETS = 7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--regressor", default=REGRESSOR)
    parser.add_argument("--folds", type=int, default=3, help="folds of the paper's pipeline")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one_size(arguments.one, arguments.regressor)))
        return 0
    print(arguments.regressor)
    print(f"{'rows':>8} {'fit s':>8} {'of n log n':>10} {'100k s':>8} {'MB':>6}")
    first: float | None = None
    ok = True
    for rows in arguments.rows:
        command = [sys.executable, __file__, "--one", str(rows), "--regressor", arguments.regressor]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(said)
        share = found["fit"] / (rows * math.log(rows))
        first = first or share
        ok &= share <= 1.5 * first and found["predict"] < 10  # half as much again is noise
        print(
            f"{rows:8,} {found['fit']:8.2f} {share / first:10.2f} {found['predict']:8.2f} "
            f"{found['megabytes']:6.0f}"
        )
    ok &= beside_the_paper(arguments.regressor, arguments.folds)
    return 0 if ok else 1


def invented(n_rows: int, seed: int = 0) -> Inputs:
    """Observed rows of one target, with the columns that mt560 gives."""
    random = np.random.default_rng(seed)
    pairs = [(x, "eng_Latn") for x in LANGUAGES] + [("eng_Latn", x) for x in LANGUAGES]
    row = np.arange(n_rows)
    pair, corpus = row % len(pairs), row // len(pairs)
    settings = pd.DataFrame([pairs[number] for number in pair])
    settings.columns = ["source_lang", "target_lang"]
    settings["task"] = "mt"
    settings["train_corpus"] = [f"train{number // TEST_SETS}" for number in corpus]
    settings["train_size"] = 1000
    settings["test_corpus"] = [f"test{number % TEST_SETS}" for number in corpus]
    settings["language"] = np.where(pair < len(LANGUAGES), *np.array(pairs)[pair].T)
    ends = settings["source_lang"] + "-" + settings["target_lang"]
    settings["run_group"] = settings["train_corpus"] + ":1000:" + ends
    settings.index = pd.Index([f"{number:07d}" for number in row], name="setting_key")
    of_pair, of_test = random.normal(0, 8, len(pairs)), random.normal(0, 5, TEST_SETS)
    truth = 25 + of_pair[pair] + of_test[corpus % TEST_SETS] + random.normal(0, 3, n_rows)
    columns: dict[str, np.ndarray] = {}  # type: ignore[type-arg]
    for number, model in enumerate(MODELS):
        for metric in METRICS:
            values = truth * (0.9 - 0.15 * number) + random.normal(0, 2, n_rows)
            columns[f"{model}/{metric}"] = values / 100 if metric == "comet" else values
    for one, other in combinations([f"{model}/spBLEU" for model in MODELS], 2):
        columns[f"difference:{one} - {other}"] = columns[one] - columns[other]
    for number in range(33):
        columns[f"feature:f{number:02d}"] = random.normal(size=n_rows)
    columns["setting:into_english"] = (pair < len(LANGUAGES)).astype(float)
    X = pd.DataFrame(columns, settings.index).sort_index(axis=1)
    target = Target("mt", "spBLEU", "big", "fine_tuned", "proxies+zero_shot")
    y = pd.Series(np.clip(truth, 0, 100), settings.index)
    return Inputs(target, "invented", X, y, pd.Series(0.8, settings.index), settings)


def one_size(n_rows: int, regressor: str) -> dict[str, float]:
    """Seconds of a fit and of 100,000 predictions, and the peak memory of this process."""
    rows = invented(n_rows)
    started = time.perf_counter()
    fitted = fit_rows(rows, make(regressor, rows.line_columns))
    seconds = time.perf_counter() - started
    many = invented(100_000, seed=1)
    started = time.perf_counter()
    fitted.predict(many.X, many.settings)
    answered = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"fit": seconds, "predict": answered, "megabytes": peak}


def beside_the_paper(regressor: str, n_folds: int) -> bool:
    """Print the time of a whole LOLO beside the paper's, and of one answer."""
    rows = invented(SHAPE)
    started = time.perf_counter()
    predictor = fit(rows, regressor, protocols=["lolo"]).predictor
    ours = time.perf_counter() - started
    folds = lolo(rows.settings).folds
    started = time.perf_counter()
    for fold in folds[:n_folds]:
        train = rows.take(np.isin(np.arange(SHAPE), fold.train))
        fit_rows(train, make("lightgbm-paper", rows.line_columns))
    theirs = (time.perf_counter() - started) * len(folds) / n_folds
    times = []
    for number in range(20):
        started = time.perf_counter()
        predictor.predict(rows.X[number : number + 1], settings=rows.settings[number : number + 1])
        times.append(time.perf_counter() - started)
    print(
        f"LOLO of {len(folds)} languages with intervals: {ours:.1f} s; the paper's LightGBM with "
        f"its grid {theirs:.0f} s ({n_folds} folds, scaled); ratio {ours / theirs:.3f}, asked 0.2\n"
        f"one setting: {1000 * sorted(times)[10]:.1f} ms, asked 50"
    )
    return ours / theirs <= 0.2 and sorted(times)[10] < 0.05


if __name__ == "__main__":
    sys.exit(main())
