"""A disk that is full, a folder that cannot be written: nothing lost, nothing torn, a way on."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxylm.errors import ProxyLMError
from proxylm.landing import write_landing
from tasks.publish import publish
from tests.warehouse.builders import evaluated
from warehouse.backup import back_up
from warehouse.database import migrations, reading, schema_version, writing
from warehouse.home import Home
from warehouse.loader import load_landing

FULL_BYTES = 64 * 1024**2
Mount = Callable[..., None]


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this user cannot mount a small disk: {done.stderr.strip()}")


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of 64 MB, with three scores."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", f"size={FULL_BYTES}", "tmpfs", str(disk))
    try:
        home = Home.create(disk / "plm")
        write_landing(evaluated("before"), home.incoming)
        load_landing(home)
        yield home
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(home: Home) -> Path:
    """Take all the space that is left."""
    path = home.path / "filler"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def scores(home: Home) -> int:
    with reading(home) as connection:
        (count,) = connection.execute("SELECT count(*) FROM scores").fetchall()[0]
    return int(count)


def test_on_a_full_disk_a_load_says_so_and_the_next_one_makes_it_good(small_home: Home) -> None:
    waiting = write_landing(evaluated("after"), small_home.incoming)
    filler = fill(small_home)
    with pytest.raises((ProxyLMError, OSError), match=r"[Ss]pace"):
        load_landing(small_home)
    assert waiting.exists()
    assert not list(small_home.rejected.iterdir())
    assert scores(small_home) == 3  # readers go on

    filler.unlink()
    report = load_landing(small_home)
    assert report.files_loaded == 1
    assert scores(small_home) == 6
    with reading(small_home) as connection:
        assert connection.execute("SELECT * FROM data_checks").fetchall() == []


def test_a_landing_file_that_does_not_fit_leaves_nothing_behind(small_home: Home) -> None:
    fill(small_home)
    with pytest.raises(OSError, match="space"):
        write_landing(evaluated("after"), small_home.incoming)
    assert not list(small_home.incoming.iterdir())


def test_a_backup_that_does_not_fit_leaves_nothing_that_looks_like_one(small_home: Home) -> None:
    fill(small_home)
    with pytest.raises((ProxyLMError, OSError), match=r"[Ss]pace"):
        back_up(small_home)
    assert not [path for path in small_home.backups.iterdir() if not path.name.startswith(".")]


def test_a_migration_that_finds_no_space_leaves_the_warehouse_as_it_was(
    small_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = [*migrations(), migrations()[-1]._replace(number=98, sql="CREATE TABLE t (i INT)")]
    filler = fill(small_home)
    with monkeypatch.context() as new_code:
        new_code.setattr("warehouse.database.migrations", lambda: newer)
        with pytest.raises((ProxyLMError, OSError), match=r"[Ss]pace"), writing(small_home, "test"):
            pass
        assert not list(small_home.backups.iterdir())  # nor a part of one
        filler.unlink()
    assert scores(small_home) == 3
    with writing(small_home, "the old code") as connection:
        assert schema_version(connection)[0] == migrations()[-1].number


def test_a_site_that_does_not_fit_leaves_the_one_before(small_home: Home) -> None:
    published = publish(str(small_home.path))
    before = small_home.site.resolve()
    fill(small_home)
    with pytest.raises(OSError, match="space"):
        publish(str(small_home.path))
    assert small_home.site.resolve() == before
    assert Path(published.page).is_file()
    assert [path.name for path in before.parent.iterdir()] == [before.name]


def test_a_home_that_cannot_be_written_can_be_read(small_home: Home) -> None:
    disk = str(small_home.path.parent)
    mount("-o", "remount,ro", disk)
    with pytest.raises(OSError, match="Read-only") as caught, writing(small_home, "test"):
        pass
    assert caught.value.filename  # the command line prints it
    assert scores(small_home) == 3
    mount("-o", "remount,rw", disk)
    assert not load_landing(small_home).changed
