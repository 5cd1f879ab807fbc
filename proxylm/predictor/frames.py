"""The published records as frames, in memory: judging a method needs no warehouse.

It makes of the files what a warehouse makes of them after an import; it does not know what is
predicted from them.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from proxylm import facts
from proxylm.predictor.inputs import Frames
from proxylm.published import files_in, read_records
from proxylm.records import Bundle

RELEASE = ("mt560", "nusa", "intent", "slot")
"""The release's record files, as `NAME_experiments.csv`."""


class Records(NamedTuple):
    """One file of the release."""

    name: str
    frames: Frames
    order: tuple[str, ...]  # setting keys in the order of the file, which the paper's seeds need
    n_rejected: int  # rows that cannot be used


def read_release(folder: Path, names: Sequence[str] = RELEASE) -> list[Records]:
    """The files of the release that `folder` holds. Raises InputError where it holds none."""
    found = []
    for path in files_in(folder):
        name = path.name.removesuffix("_experiments.csv")
        if name in names:
            read = read_records(path)
            order = tuple(row.setting.setting_key for row in read.rows if row.setting)
            found.append(Records(name, frames_of(read.bundle), order, len(read.rejected)))
    return found


def frames_of(bundle: Bundle) -> Frames:
    """The frames that a warehouse makes of `bundle`, with its join of settings and scores.

    Public facts about the languages are among the features, as they are in a warehouse.
    """
    tables = {
        name: pd.DataFrame([asdict(record) for record in getattr(bundle, name)])
        for name in ("settings", "scores", "evaluations", "runs", "features", "models")
    }
    runs = tables["runs"][["run_id", "model_id", "revision", "mode", "train_corpus", "train_size"]]
    evaluations = tables["evaluations"].merge(runs, on="run_id", validate="many_to_one")
    tested = ["task", "source_lang", "target_lang", "test_corpus"]
    # a fine-tuning of intent serves all targets, so the tested languages and training corpus tell
    is_zero_shot = evaluations["mode"] == "zero_shot"
    zero_shot = evaluations[is_zero_shot].drop(columns=["train_corpus", "train_size"])
    joined = pd.concat(
        [
            tables["settings"].merge(zero_shot, on=tested),
            tables["settings"].merge(
                evaluations[~is_zero_shot], on=[*tested, "train_corpus", "train_size"]
            ),
        ]
    )
    columns = ["setting_key", "evaluation_key", "model_id", "revision", "mode"]
    scores = joined[columns].merge(tables["scores"], on="evaluation_key")
    known = [
        (key, facts.FEATURE_SET, name, value.value, value.imputed)
        for key, source, target in tables["settings"][
            ["setting_key", "source_lang", "target_lang"]
        ].itertuples(index=False)
        for name, value in facts.pair_facts(source, target).items()
    ]
    of_languages = pd.DataFrame(known, columns=tables["features"].columns)
    features = pd.concat([tables["features"], of_languages], ignore_index=True)
    listed = facts.model_languages(tables["models"]["model_id"])
    model_languages = pd.DataFrame(
        [(row.model_id, row.language) for row in listed], columns=["model_id", "language"]
    )
    return Frames(tables["settings"], scores, features, tables["models"], model_languages)


def together(frames: Sequence[Frames]) -> Frames:
    """Several files as one experiment; a setting that stands in two is that of the first."""
    seen: set[str] = set()
    parts: list[Frames] = []
    for one in frames:
        new = one.settings["setting_key"][~one.settings["setting_key"].isin(seen)]
        seen |= set(new)
        parts.append(
            Frames(
                one.settings[one.settings["setting_key"].isin(new)],
                one.setting_scores[one.setting_scores["setting_key"].isin(new)],
                one.features[one.features["setting_key"].isin(new)],
                one.models,
                one.model_languages,
            )
        )
    return Frames(
        pd.concat([part.settings for part in parts], ignore_index=True),
        pd.concat([part.setting_scores for part in parts], ignore_index=True),
        pd.concat([part.features for part in parts], ignore_index=True),
        pd.concat([part.models for part in parts], ignore_index=True)
        .drop_duplicates(["model_id", "revision"])
        .reset_index(drop=True),
        pd.concat([part.model_languages for part in parts], ignore_index=True).drop_duplicates(),
    )
