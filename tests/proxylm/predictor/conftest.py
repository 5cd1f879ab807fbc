"""Frames to fit on: a made-up matrix of languages, and the published records as frames."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor import Frames
from proxylm.predictor.frames import Records, read_release

MakeFrames = Callable[..., Frames]


def _matrix(
    n_languages: int = 12,
    n_observed_sources: int | None = None,
    seed: int = 0,
    task: str = "intent",
    missing: float = 0.0,
) -> Frames:
    """Settings between all languages; `big` is estimated, `small` and `tiny` are its proxies.

    Language effects are drawn for train and test side; `big` is observed from the first
    `n_observed_sources` languages. For `mt` one side is English and `big` has zero-shot scores.
    """
    random = np.random.default_rng(seed)
    languages = [f"l{i:02d}_Latn" for i in range(n_languages)]
    if task == "mt":
        pairs = [(x, "eng_Latn") for x in languages] + [("eng_Latn", x) for x in languages]
        sides = [(s, t, train, test) for s, t in pairs for train in "ab" for test in "abc"]
        metrics = ["spBLEU", "chrF2"]
    else:
        sides = [(s, t, "c", "c") for s, t in product(languages, languages)]
        metrics = ["accuracy"]
    effect = {x: random.normal(0, 10) for x in [*languages, "eng_Latn"]}
    first = set(languages[: n_observed_sources or n_languages])
    settings, scores, features = [], [], []
    for number, (source, target, train, test) in enumerate(sides):
        key = f"{task}-{number:04d}"
        group = f"{train}:{source}" if task != "mt" else f"{train}:1000:{source}-{target}"
        size = 1000 if task == "mt" else None
        settings.append((key, task, source, target, train, size, test, group))
        truth = np.clip(50 + effect[source] + effect[target] + random.normal(0, 3), 1, 99)
        known = bool(first & {source, target}) if task == "mt" else source in first
        models = {
            ("big", "fine_tuned"): truth if known else None,
            ("small", "fine_tuned"): 0.6 * truth + random.normal(0, 4),
            ("tiny", "from_scratch"): 0.3 * truth + random.normal(0, 6),
        }
        if task == "mt":
            models["big", "zero_shot"] = 0.8 * truth + random.normal(0, 4)
        for (model, mode), value in models.items():
            if value is None or (model != "big" and random.random() < missing):
                continue
            for metric in metrics:
                scores.append((key, model, "r", mode, metric, value, 0.98, "measured", 200))
        features.append((key, "plm-1", "geographic", random.random(), False))
    models_table = [
        ("big", "r", [], ["fine_tuned"]),
        ("other", "r", [], ["fine_tuned"]),
        ("small", "r", ["fine_tuned"], []),
        ("tiny", "r", ["from_scratch"], []),
    ]
    return Frames(
        pd.DataFrame(
            settings,
            columns=[
                "setting_key",
                "task",
                "source_lang",
                "target_lang",
                "train_corpus",
                "train_size",
                "test_corpus",
                "run_group",
            ],
        ),
        pd.DataFrame(
            scores,
            columns=[
                "setting_key",
                "model_id",
                "revision",
                "mode",
                "metric",
                "value",
                "half_width",
                "origin",
                "n_segments",
            ],
        ),
        pd.DataFrame(features, columns=["setting_key", "feature_set", "name", "value", "imputed"]),
        pd.DataFrame(
            models_table, columns=["model_id", "revision", "proxy_modes", "estimated_modes"]
        ),
    )


@pytest.fixture(scope="session")
def make_frames() -> MakeFrames:
    """Makes frames of invented languages; see `_matrix`."""
    return _matrix


@pytest.fixture(scope="session")
def release(records: Path) -> list[Records]:
    """The published records: mt560 and intent."""
    return read_release(records, ("mt560", "intent"))


@pytest.fixture(scope="session")
def published(release: list[Records]) -> dict[str, Frames]:
    """The frames of the published records by name."""
    return {read.name: read.frames for read in release}
