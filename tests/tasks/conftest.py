"""A home with scores of three models, in which two of them are predicted."""

from dataclasses import replace

import numpy as np
import pytest

from proxylm.landing import write_landing
from tasks.predict import predict
from tasks.retrain import retrain
from tests.warehouse.builders import costing, evaluated
from warehouse.home import Home
from warehouse.loader import load_landing

CODES = ["dan", "deu", "eng", "fin", "fra", "ita", "nld", "nob", "spa", "swe", "swh", "tur"]
LANGUAGES = tuple(f"{code}_Latn" for code in CODES)


def observe(home: Home, model: str, sources: tuple[str, ...], role: str, add: float = 0.0) -> None:
    """Scores of a model trained in each of `sources` and tested in all languages."""
    for source in sources:
        i = LANGUAGES.index(source)
        random = np.random.default_rng([i, len(model)])
        bundle = costing(evaluated(model, source, LANGUAGES, role=role), 360.0, 6.0)
        values = 40 + 2 * i + np.arange(12) + add + random.normal(0, 1, 12)
        scores = [
            replace(score, value=round(float(value), 3))
            for score, value in zip(bundle.scores, values, strict=True)
        ]
        write_landing(replace(bundle, scores=scores), home.incoming)


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """`big` is observed from 8 of 12 languages, `other` from 9, `small` from 11.

    Only the stage `decide` may write to it.
    """
    home = Home.create(tmp_path_factory.mktemp("decided") / "plm")
    observe(home, "small", LANGUAGES[:11], "proxy")
    observe(home, "big", LANGUAGES[:8], "estimated", 10.0)
    observe(home, "other", LANGUAGES[:9], "estimated", 20.0)
    load_landing(home)
    retrain(str(home.path), regressor="lightgbm")
    predict(str(home.path))
    return home
