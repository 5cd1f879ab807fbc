"""Stage `features`: features of texts for settings of the catalogue, facts of languages for all."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from prefect import task

from proxylm.catalogue import Catalogue, read_catalogue
from proxylm.corpora import CorpusSplit, read_corpus
from proxylm.errors import UsageError
from proxylm.evaluation.contract import ModelSpec
from proxylm.features import (
    FEATURE_SET,
    PARTS,
    REPLACED,
    SETS,
    Measures,
    Text,
    setting_features,
    signature,
)
from proxylm.features.embeddings import StoredEncoder
from proxylm.landing import record_table
from proxylm.records import Feature, Setting
from tasks.catalogue import part_path
from tasks.facts import update_facts
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.snapshot import publish_snapshot


class FeaturesMade(NamedTuple):
    """What the stage did."""

    settings: int  # settings whose texts were new, or are measured in another way now
    facts: int  # facts as features, over all settings of the warehouse
    imputed: int  # of these, how many only stand in for a value


class _TextKey(NamedTuple):
    """One part of one side of a corpus file."""

    path: Path
    part: str  # one of PARTS
    side: str  # texts or labels: a sentence's translation


def features(home: str) -> FeaturesMade:
    """Compute the features that settings of catalogue corpora lack, and bring all facts up.

    PLM_FEATURE_SETS names the sets (default: all), PLM_ENCODER the sentence encoder, see
    `sentence_encoder.sentence_encoder`. Raises UsageError where either means nothing. Where a text
    is not in the home, as after an import, features that were computed in the same way stay.
    """
    here = Home.find(home)
    sets = _sets()
    catalogue = read_catalogue(here.catalogue)
    measures = _measures(here, catalogue)

    @cache
    def corpus(path: Path) -> CorpusSplit:
        return read_corpus(path).split

    @cache
    def text(key: _TextKey) -> Text:
        return measures.of(getattr(getattr(corpus(key.path), key.part), key.side))

    is_here = cache(Path.exists)
    made: list[Feature] = []
    signatures: list[tuple[str, str, str]] = []
    present = _signatures(here)
    for setting, keys in _settings(here, catalogue):
        if not all(is_here(key.path) for key in keys.values()) and all(
            present.get((setting.setting_key, name), "").startswith(f"{signature(name, measures)}|")
            for name in sets
        ):
            continue
        prints = "|".join(f"{part}:{corpus(key.path).fingerprint}" for part, key in keys.items())
        for name in sets:
            wanted = f"{signature(name, measures)}|{prints}"
            if present.get((setting.setting_key, name)) != wanted:
                lines = {part: getattr(corpus(key.path), key.part) for part, key in keys.items()}
                texts = {part: text(key) for part, key in keys.items() if lines[part]}
                made += setting_features(name, setting, texts)
                signatures.append((setting.setting_key, name, wanted))
    if measures.encoder:
        measures.encoder.save()
    if signatures:
        _store(here, made, signatures)
    facts = update_facts(home)
    return FeaturesMade(len({key for key, *_ in signatures}), facts.features, facts.imputed)


def _sets() -> tuple[str, ...]:
    """The sets that PLM_FEATURE_SETS names, else all."""
    named = tuple((os.environ.get("PLM_FEATURE_SETS") or " ".join(SETS)).split())
    if unknown := [name for name in named if name not in SETS]:
        raise UsageError(
            f"PLM_FEATURE_SETS names {unknown[0]}; the sets are {', '.join(SETS)}, parted by blanks"
        )
    return named


def _measures(home: Home, catalogue: Catalogue) -> Measures:
    from proxylm.evaluation.metrics import flores200_pieces
    from proxylm.evaluation.sentence_encoder import local_tokenizers, sentence_encoder

    encoder = sentence_encoder(os.environ.get("PLM_ENCODER"))
    models = [ModelSpec(m.id, m.revision, m.kind, m.config) for m in catalogue.models]
    return Measures(
        StoredEncoder(encoder, home.embeddings) if encoder else None,
        local_tokenizers(models),
        flores200_pieces(),
    )


def _settings(home: Home, catalogue: Catalogue) -> Iterator[tuple[Setting, dict[str, _TextKey]]]:
    """The settings of catalogue corpora, each with those of its texts that are in the home."""
    paths = {
        (corpus.id, part.language, part.with_language or part.language): part_path(
            home, corpus.id, part
        )
        for corpus in catalogue.corpora
        for part in corpus.parts
    }
    with reading(home) as connection:
        rows = connection.execute(
            "SELECT * FROM settings WHERE train_corpus IN (SELECT unnest(?::VARCHAR[])) "
            "ORDER BY setting_key",
            [[corpus.id for corpus in catalogue.corpora]],
        ).fetchall()
    for row in rows:
        setting = Setting(*row)
        pair = setting.task == "mt"
        source, target = setting.source_lang, setting.target_lang
        train = paths.get((setting.train_corpus, source, target if pair else source))
        test = paths.get((setting.test_corpus, source if pair else target, target))
        side = "labels" if pair else "texts"
        found = dict(zip(PARTS, (train, train, test), strict=True))
        yield setting, {p: _TextKey(path, p, side) for p, path in found.items() if path}


def _signatures(home: Home) -> dict[tuple[str, str], str]:
    with reading(home) as connection:
        rows = connection.execute("SELECT * FROM feature_signatures").fetchall()
    return {(key, feature_set): signature for key, feature_set, signature in rows}


def _store(home: Home, made: list[Feature], signatures: list[tuple[str, str, str]]) -> None:
    """Replace the sets that were computed, and what they take the place of."""
    columns = ("setting_key", "feature_set", "signature")
    computed = pa.table(dict(zip(columns, map(list, zip(*signatures, strict=True)), strict=True)))
    with writing(home, "features") as connection:
        with transaction(connection):
            connection.register("made", record_table(Feature, made))
            connection.register("computed", computed)
            connection.execute(
                "DELETE FROM features WHERE (setting_key, feature_set) IN "
                "(SELECT (setting_key, feature_set) FROM computed UNION ALL "
                "SELECT (setting_key, old) FROM computed, (SELECT unnest(?::VARCHAR[]) AS old) "
                "WHERE feature_set = ?)",
                [list(REPLACED), FEATURE_SET],
            )
            connection.execute("INSERT INTO features SELECT * FROM made")
            connection.execute("INSERT OR REPLACE INTO feature_signatures SELECT * FROM computed")
        publish_snapshot(home, connection)


features_task: Any = task(name="features", retry_condition_fn=busy, **LOCK_RETRIES)(features)
