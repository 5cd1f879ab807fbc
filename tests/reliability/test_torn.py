"""Landing files that are torn at any length, damaged at any byte, or made to do harm."""

import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxylm.landing import bundle_table, write_landing
from proxylm.records import Bundle
from tests.warehouse.builders import evaluated
from warehouse.database import reading
from warehouse.home import Home
from warehouse.loader import load_landing

pytestmark = pytest.mark.timeout(3600)  # the slow ones, on a busy machine


def scores(home: Home) -> int:
    with reading(home) as connection:
        (count,) = connection.execute("SELECT count(*) FROM scores").fetchall()[0]
    return int(count)


@pytest.mark.parametrize("lengths", [40, pytest.param(1500, marks=pytest.mark.slow)])
def test_every_truncation_is_rejected_with_its_reason_and_the_rest_loads(
    home: Home, tmp_path: Path, lengths: int
) -> None:
    whole = write_landing(evaluated("torn"), tmp_path / "elsewhere").read_bytes()
    chance = random.Random(7)
    cuts = sorted({0, 1, 4, len(whole) - 1, *chance.sample(range(len(whole)), lengths)})
    for cut in cuts:
        (home.incoming / f"cut-{cut:05d}.parquet").write_bytes(whole[:cut])
    good = write_landing(evaluated("good"), home.incoming)
    report = load_landing(home)
    assert sorted(report.files_rejected) == [f"cut-{cut:05d}.parquet" for cut in cuts]
    for cut in cuts:
        assert (home.rejected / f"cut-{cut:05d}.reason.txt").read_text().strip()
        assert (home.rejected / f"cut-{cut:05d}.parquet").stat().st_size == cut
    assert [path.name for path in home.loaded.iterdir()] == [good.name]
    assert scores(home) == 3
    assert not list(home.incoming.iterdir())


def test_a_flipped_bit_in_a_file_named_by_its_content_is_found(home: Home) -> None:
    path = write_landing(evaluated(), home.incoming)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "not as it was written" in load_landing(home).files_rejected[path.name]


@pytest.mark.parametrize("flips", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flipped_byte_never_stops_the_others(home: Home, tmp_path: Path, flips: int) -> None:
    whole = write_landing(evaluated("flipped"), tmp_path / "elsewhere").read_bytes()
    chance = random.Random(8)
    for number in range(flips):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (home.incoming / f"flip-{number:04d}.parquet").write_bytes(content)
    write_landing(evaluated("good"), home.incoming)
    report = load_landing(home)
    # A file whose name is not the hash of its bytes is somebody's own: what can be read of it
    # is loaded under the same rules.
    assert report.files_loaded + len(report.files_rejected) == flips + 1
    with reading(home) as connection:
        good = "SELECT count(*) FROM evaluations JOIN runs USING (run_id) WHERE model_id = 'good'"
        assert connection.execute(good).fetchone() == (3,)


@pytest.mark.parametrize("place", ["/etc/passwd", "../../elsewhere.parquet", "runs/../../x"])
def test_a_path_that_leaves_the_home_is_refused(home: Home, place: str) -> None:
    bundle = evaluated()
    for harm in (
        replace(bundle, evaluations=[replace(bundle.evaluations[0], hypotheses=place)]),
        replace(bundle, runs=[replace(bundle.runs[0], log=place)]),
    ):
        path = write_landing(harm, home.incoming)
        assert "no path below the home" in load_landing(home).files_rejected[path.name]
    assert scores(home) == 0


def with_column(name: str, column: pa.Array) -> pa.Table:
    table = bundle_table(evaluated())
    length = len(table)
    index = table.schema.names.index(name)
    column = pa.concat_arrays([column, pa.nulls(length - len(column), column.type)])
    return table.set_column(index, name, column)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a text"]),
        pa.array([{"score_key": "a"}]),
        pa.array([{"score_key": 1, "value": "many"}]),
        pa.array([[1, 2]]),
        pa.array([{"DROP TABLE scores; --": 1}]),
    ],
    ids=["text", "too-few", "wrong-types", "list", "sql"],
)
def test_a_table_of_another_shape_is_refused_whole(home: Home, column: pa.Array) -> None:
    path = home.incoming / "crafted.parquet"
    pq.write_table(with_column("scores", column), path)
    assert load_landing(home).files_rejected["crafted.parquet"]
    with reading(home) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_file_that_claims_more_rows_than_it_has_is_refused(home: Home) -> None:
    path = home.incoming / "crafted.parquet"
    pq.write_table(bundle_table(evaluated()), path, compression="none")
    content = path.read_bytes()
    rows = pq.read_metadata(path).num_rows
    # Thrift writes numbers as zigzag varints; row counts stand in the footer.
    footer = content.rfind(b"schema")
    claimed = content[:footer] + content[footer:].replace(bytes([2 * rows]), b"\x7e")
    path.write_bytes(claimed)
    write_landing(evaluated("good"), home.incoming)
    report = load_landing(home)
    assert report.files_loaded >= 1
    assert scores(home) in (3, 6)


@pytest.mark.parametrize("name", [b"runs", b"score_key"])
def test_a_column_whose_name_is_no_text_is_refused_and_the_rest_loads(
    home: Home, name: bytes
) -> None:
    path = home.incoming / "crafted.parquet"
    pq.write_table(bundle_table(evaluated()), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(name, b"\xf2" + name[1:]))
    write_landing(evaluated("good"), home.incoming)
    report = load_landing(home)
    assert "Parquet" in report.files_rejected["crafted.parquet"]
    assert scores(home) == 3


def test_names_that_point_elsewhere_stay_where_they_are(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside.parquet"
    pq.write_table(bundle_table(Bundle()), outside)
    (home.incoming / "link.parquet").symlink_to(outside)
    (home.incoming / "folder.parquet").mkdir()
    load_landing(home)
    assert outside.exists()
    assert not list(home.incoming.iterdir())
