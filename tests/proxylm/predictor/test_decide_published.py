"""Probabilities and few-shot on the published intent records: what docs/decide.md says of them."""

import numpy as np
import pandas as pd
import pytest

from proxylm.predictor import Frames, assess, build_inputs, targets
from proxylm.predictor.decide import choices
from proxylm.predictor.fewshot import KnownErrors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def board(published: dict[str, Frames]) -> pd.DataFrame:
    """Held-out predictions beside the observed scores of both estimated models."""
    parts = []
    for target in targets(published["intent"]):
        inputs = build_inputs(published["intent"], target)
        out_of_fold = assess(inputs, "lightgbm", ["lolo"]).out_of_fold
        settings = inputs.settings.loc[out_of_fold.index]
        parts.append(
            settings.assign(
                metric=target.metric,
                model_id=target.model_id,
                mode=target.mode,
                board_language=settings["language"],
                predicted=out_of_fold["value"],
                lower=out_of_fold["lower"],
                upper=out_of_fold["upper"],
                level=0.9,
                observed=out_of_fold["observed"],
                observed_half_width=inputs.half_width,
            ).reset_index()
        )
    return pd.concat(parts, ignore_index=True)


def test_probabilities_of_being_best_come_true_in_hidden_languages(board: pd.DataFrame) -> None:
    languages = np.random.default_rng(1).permutation(sorted(board["board_language"].unique()))
    said, true = [], []
    for hidden in np.array_split(languages, 4):
        rows = board["board_language"].isin(hidden)
        blind = board.assign(observed=board["observed"].mask(rows))
        table = choices(blind).merge(
            board[rows][["setting_key", "model_id", "observed"]], on=["setting_key", "model_id"]
        )
        best = table.groupby("setting_key")["observed"].transform("max")
        said.append(table["probability_best"])
        true.append(table["observed"] == best)
    p, hit = pd.concat(said), pd.concat(true)
    by_share = (p * 10).astype(int)
    off = (hit.groupby(by_share).mean() - p.groupby(by_share).mean()).abs()
    assert (off * by_share.value_counts(normalize=True)).sum() < 0.06
    assert ((p - hit) ** 2).mean() < 0.065


def test_one_score_of_a_language_more_than_halves_the_error_of_llama(board: pd.DataFrame) -> None:
    rows = board[board["model_id"] == "llama-3-8b"].set_index("setting_key")
    errors = rows["observed"] - rows["predicted"]
    noise = rows["observed_half_width"] / 1.96
    found = []
    for language, its in rows.groupby("language"):
        first, rest = its.index[:1], its.index[1:]
        known = (rows["language"] != language) | rows.index.isin(first)
        about = KnownErrors.fit(rows[known], errors[known], noise[known]).about(its.loc[rest])
        left = errors[rest] - about.mean
        found.append(((errors[rest] ** 2).mean() ** 0.5, (left**2).mean() ** 0.5))
    before, after = np.mean(found, axis=0)
    assert after < 0.5 * before
