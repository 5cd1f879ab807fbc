"""Landing files: what goes in comes out, whole or not at all."""

import os
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.landing import record_table, write_atomically, write_landing
from proxylm.records import KEYS, TABLES, Bundle, Feature, Language, Model, Run

finite = st.floats(allow_nan=False, allow_infinity=False)
features = st.builds(Feature, st.text(), st.text(), st.text(), finite, st.booleans())
models = st.builds(
    Model,
    st.text(),
    st.text(),
    st.text(),
    st.none() | st.integers(0, 2**60),
    st.lists(st.text(), max_size=3).map(tuple),
    st.lists(st.text(), max_size=3).map(tuple),
    st.text(),
)


@settings(deadline=None)
@given(st.lists(features, max_size=5), st.lists(models, max_size=3))
def test_records_survive_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, some: list[Feature], others: list[Model]
) -> None:
    path = write_landing(Bundle(features=some, models=others), tmp_path_factory.mktemp("l"))
    rows = pq.read_table(path).to_pylist()
    assert [Feature(**row["features"]) for row in rows if row["features"]] == some
    back = [row["models"] for row in rows if row["models"]]
    lists = ("proxy_modes", "estimated_modes")
    assert [Model(**{k: tuple(v) if k in lists else v for k, v in m.items()}) for m in back] == (
        others
    )


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    bundle = Bundle(languages=[Language("swh_Latn", "Swahili", "Latn", False, "swh_Latn", "me")])
    assert write_landing(bundle, tmp_path) == write_landing(bundle, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "file", b"text")
    assert list(tmp_path.iterdir()) == []


def test_every_table_has_a_key_among_its_columns() -> None:
    assert set(TABLES) == set(KEYS)
    for name, record_type in TABLES.items():
        columns = record_table(record_type, []).schema.names
        assert set(KEYS[name]) <= set(columns)


def test_times_are_kept_to_the_microsecond() -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, 678901)
    values = dict.fromkeys(Run.__dataclass_fields__)
    run = Run(**{**values, "languages": (), "started_at": started})
    assert record_table(Run, [run])["started_at"].to_pylist() == [started]
