"""What makes two things the same: canonical JSON, hashed with SHA-256.

Nothing that cannot change a number is in a key; everything that can is. This module knows
no files, no database and no models: only how keys are made of their parts.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

SPLIT_VERSION = "1"
"""Version of the rule that splits a corpus into train, dev and test."""

_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value.

    Raises ValueError for NaN and infinities, which have no JSON form.
    """
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def corpus_fingerprint(lines: Sequence[Sequence[str]]) -> str:
    """Fingerprint of a corpus: its rows (for example utterance and label) in their order."""
    return digest([list(line) for line in lines])


def training_key(
    *,
    model_id: str,
    revision: str,
    mode: str,
    recipe: str,
    seed: str,
    train_corpus: str | None = None,
    train_fingerprint: str | None = None,
    train_size: int | None = None,
    languages: Sequence[str] = (),
    prompt: str | None = None,
) -> str:
    """Key of a trained model. A `zero_shot` one has no training: model and prompt alone."""
    model = f"{model_id}@{revision}"
    if mode == "zero_shot":
        return digest({"model": model, "mode": mode, "prompt": prompt})
    return digest(
        {
            "model": model,
            "mode": mode,
            "recipe": recipe,
            "seed": seed,
            "train_corpus": f"{train_corpus}@{train_fingerprint}",
            "train_size": train_size,
            "languages": list(languages),
        }
    )


def evaluation_key(
    *,
    training_key: str,
    task: str,
    source_lang: str,
    target_lang: str,
    test_corpus: str,
    test_fingerprint: str,
    split_version: str,
    decoding: str,
    precision: str,
    backend: str,
    segment_limit: int | None = None,
) -> str:
    """Key of one trained (or zero-shot) model on one test set. Present means done."""
    return digest(
        {
            "training_key": training_key,
            "task": task,
            "source": source_lang,
            "target": target_lang,
            "test_corpus": f"{test_corpus}@{test_fingerprint}",
            "split_version": split_version,
            "decoding": decoding,
            "precision": precision,
            "backend": backend,
            "limit": segment_limit,
        }
    )


def score_key(evaluation_key: str, metric: str, signature: str) -> str:
    """Key of one metric of one evaluation."""
    return digest({"evaluation_key": evaluation_key, "metric": metric, "signature": signature})


def setting_key(
    task: str,
    source_lang: str,
    target_lang: str,
    train_corpus: str,
    train_size: int | None,
    test_corpus: str,
) -> str:
    """Key of what a prediction is for. It holds no model and no fingerprint."""
    return digest(
        {
            "task": task,
            "source": source_lang,
            "target": target_lang,
            "train_corpus": train_corpus,
            "size": train_size,
            "test_corpus": test_corpus,
        }
    )


def run_group(
    task: str, source_lang: str, target_lang: str, train_corpus: str, train_size: int | None
) -> str:
    """Readable name of what shares one fine-tuning, the same for all models.

    Machine translation: (training corpus, size, source, target). Intent and slot: the model is
    trained in the source language once and tested in all, so (training corpus, source).
    """
    if task == "mt":
        return f"{train_corpus}:{train_size}:{source_lang}-{target_lang}"
    return f"{train_corpus}:{source_lang}"


def board_language(task: str, source_lang: str, target_lang: str) -> str:
    """The language a row of the board is about: the target; for `mt` the non-English side."""
    if task == "mt" and target_lang == "eng_Latn":
        return source_lang
    return target_lang
