"""The four files of the ProxyLM release with invented numbers, for tests that need their shape."""

import csv
from pathlib import Path

import numpy as np

from proxylm import published

MT_LANGUAGES = ("deu", "fra", "rus", "swh", "khm", "kin", "kir", "tat", "mri", "sna", "amh", "vie")
NUSA_LANGUAGES = ("jav", "sun", "min", "ace", "ban")
LABEL_LANGUAGES = ("de", "fr", "ru", "sw", "km", "am", "vi", "ja")
LANGUAGE_FEATURES = published._LANGUAGE_FEATURES
TEXT_FEATURES = published._TEXT_FEATURES
MT_MODELS = ("m2m100_ft", "m2m100_noft", "nllb_ft", "nllb_noft", "small100_ft", "small100_noft")


def write_release(folder: Path, names: tuple[str, ...] = tuple(published.SHA256)) -> Path:
    """Write the files of `names` into `folder`, and return it.

    Scores follow the languages, models are lines through the same truth, so that proxies tell.
    """
    random = np.random.default_rng(1)
    for name in names:
        kind = name.partition("_")[0]
        rows = _mt(kind, random) if kind in ("mt560", "nusa") else _labels(kind, random)
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def _mt(kind: str, random: np.random.Generator) -> list[dict[str, object]]:
    languages, hub = (MT_LANGUAGES, "eng") if kind == "mt560" else (NUSA_LANGUAGES, "ind")
    comet = "comet" if kind == "mt560" else "comet_score"
    effect = {language: random.normal(0, 8) for language in (*languages, hub)}
    pairs = [(x, hub) for x in languages] + [(hub, x) for x in languages]
    corpora = ("bible", "wiki") if kind == "mt560" else ("nusa",)
    zero_shot: dict[tuple[str, str, str, str], float] = {}
    rows = []
    for source, target in pairs:
        for train in corpora:
            for test in ("flores", "ted"):
                truth = float(np.clip(30 + effect[source] + effect[target], 2, 60))
                row: dict[str, object] = {
                    "source_lang": source,
                    "target_lang": target,
                    "train_dataset": train,
                    "dataset_size": 1000,
                    "test_dataset": test,
                }
                for number, model in enumerate((*MT_MODELS, "trfm")):
                    value = truth * (1 - 0.1 * number) + random.normal(0, 1.5)
                    if model.endswith("noft"):  # does not depend on the training corpus
                        value = zero_shot.setdefault((source, target, test, model), value)
                    value = max(value, 0.1)
                    row |= {f"{model}_spBLEU_mean": value, f"{model}_spBLEU_se": 0.8}
                    row |= {f"{model}_{comet}_mean": 0.4 + value / 200}
                    row |= {f"{model}_{comet}_se": 0.1}
                features = (*LANGUAGE_FEATURES, *TEXT_FEATURES, *published._DEV_FEATURES)
                row |= dict(zip(features, random.random(len(features)), strict=True))
                row |= {"dev_size": 100, "test_size": 200}
                if kind == "mt560":
                    row["eng_target"] = int(target == "eng")
                rows.append(row)
    return rows


def _labels(kind: str, random: np.random.Generator) -> list[dict[str, object]]:
    metric, direction = (
        ("accuracy", "direction_indicator") if kind == "intent" else ("f1", "directional_indicator")
    )
    effect = {language: random.normal(0, 10) for language in LABEL_LANGUAGES}
    rows = []
    for source in LABEL_LANGUAGES:
        for target in LABEL_LANGUAGES:
            truth = 50 + effect[source] + effect[target]
            row: dict[str, object] = {"source_lang": source, "target_lang": target}
            models = ("aya", "llama3", "smollm_135m", "smollm_360m", "bloomz_560m")
            for number, model in enumerate(models):
                value = truth * (1 - 0.1 * number) + random.normal(0, 3)
                row[f"{model}_{metric}"] = float(np.clip(value, 0, 100))
            features = (*TEXT_FEATURES, *LANGUAGE_FEATURES)
            row |= dict(zip(features, random.random(len(features)), strict=True))
            row[direction] = 1
            rows.append(row)
    return rows
