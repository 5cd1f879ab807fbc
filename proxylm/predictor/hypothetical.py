"""A setting that nobody has planned yet, as one more row of the frames.

What is known of it without running anything: public facts about its languages, and zero-shot
scores of its test set, which do not depend on the training corpus. Everything else is absent. It
knows no predictor.
"""

from dataclasses import replace

import pandas as pd

from proxylm import facts, identity
from proxylm.predictor.inputs import Frames


def with_setting(
    frames: Frames,
    task: str,
    source_lang: str,
    target_lang: str,
    train_corpus: str,
    train_size: int | None,
    test_corpus: str,
) -> tuple[Frames, str]:
    """The frames with this setting, and its key. Frames that have it already stay as they are."""
    sides = (task, source_lang, target_lang)
    key = identity.setting_key(*sides, train_corpus, train_size, test_corpus)
    if (frames.settings["setting_key"] == key).any():
        return frames, key
    row = {
        "setting_key": key,
        "task": task,
        "source_lang": source_lang,
        "target_lang": target_lang,
        "train_corpus": train_corpus,
        "train_size": train_size,
        "test_corpus": test_corpus,
        "run_group": identity.run_group(*sides, train_corpus, train_size),
    }
    tested = ["task", "source_lang", "target_lang", "test_corpus"]
    same = (frames.settings[tested] == [row[column] for column in tested]).all(axis=1)
    scores = frames.setting_scores
    told = scores[
        scores["setting_key"].isin(frames.settings.loc[same, "setting_key"])
        & (scores["mode"] == "zero_shot")
    ].drop_duplicates(["model_id", "mode", "metric"])
    known = pd.DataFrame(
        [
            (key, facts.FEATURE_SET, name, value.value, value.imputed)
            for name, value in facts.pair_facts(source_lang, target_lang).items()
        ],
        columns=["setting_key", "feature_set", "name", "value", "imputed"],
    )
    return (
        replace(
            frames,
            settings=_add(frames.settings, pd.DataFrame([row])),
            setting_scores=_add(scores, told.assign(setting_key=key)),
            features=_add(frames.features, known),
        ),
        key,
    )


def _add(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The frame with these rows too, its column types kept."""
    if rows.empty:
        return frame
    rows = rows.reindex(columns=frame.columns).astype(frame.dtypes.to_dict(), errors="ignore")
    return pd.concat([frame, rows], ignore_index=True)
