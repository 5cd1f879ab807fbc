"""Who may take over: paired over languages, not worse and surely not much worse."""

import numpy as np
import pandas as pd

from proxylm.predictor.champion import contest

LANGUAGE = pd.Series([f"l{i // 10}" for i in range(300)])
ERROR = pd.Series(np.random.default_rng(0).normal(0, 4, 300))


def test_the_same_errors_win_and_larger_ones_do_not() -> None:
    assert contest(ERROR, ERROR, LANGUAGE).wins
    assert contest(ERROR, 0.9 * ERROR, LANGUAGE).wins
    worse = contest(ERROR, 1.02 * ERROR, LANGUAGE)
    assert not worse.wins
    assert worse.champion < worse.challenger
    assert "over 30 languages" in str(worse)


def test_a_better_mean_that_rests_on_few_languages_is_not_enough() -> None:
    one = ERROR.where(LANGUAGE != "l0", 8 * ERROR)  # the champion fails in one language
    other = ERROR * 1.1
    found = contest(one, other, LANGUAGE)
    assert found.challenger < found.champion
    assert not found.wins
    assert found.bound > 0.05 * found.champion


def test_only_settings_that_both_predicted_count() -> None:
    challenger = 0.9 * ERROR
    challenger[LANGUAGE == "l0"] = np.nan
    found = contest(ERROR, challenger, LANGUAGE)
    assert (found.n_languages, found.wins) == (29, True)
    assert not contest(ERROR[:10], challenger[10:20], LANGUAGE).wins
    assert not contest(ERROR[10:20], challenger[10:20], LANGUAGE).wins  # one language says nothing
