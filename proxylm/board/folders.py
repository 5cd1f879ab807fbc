"""A site that appears as a whole: written to a folder of its own, then a link moves to it.

Who reads sees the old site or the new one, and the last few are kept. Knows folders only.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

KEEP = 3


def publish_whole(link: Path, write: Callable[[Path], None], keep: int = KEEP) -> Path:
    """Let `write` fill a new folder, then point `link` at it; returns the folder.

    The folders are `sites/000001` and so on beside `link`; the last `keep` stay. Where `write`
    fails nothing has changed.
    """
    sites = link.with_name("sites")
    sites.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = sites / f".{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        write(temporary)
        for path in temporary.rglob("*"):
            _sync(path)
        folder = _place(temporary, sites)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _point(link, folder)
    _sync(sites)
    for old in published(sites)[:-keep]:
        if old != folder:
            shutil.rmtree(old)
    return folder


def published(sites: Path) -> list[Path]:
    """The folders that are kept, the oldest first."""
    return sorted(path for path in sites.iterdir() if re.fullmatch(r"\d{6,}", path.name))


def _place(temporary: Path, sites: Path) -> Path:
    """Rename to the next number; another process may have taken it meanwhile."""
    while True:
        known = published(sites)
        folder = sites / f"{1 + (int(known[-1].name) if known else 0):06d}"
        try:
            return temporary.rename(folder)
        except OSError:
            if not folder.exists():
                raise


def _point(link: Path, folder: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.relative_to(link.parent))
    if link.is_dir() and not link.is_symlink():  # of a version that wrote into one folder
        shutil.rmtree(link)
    temporary.replace(link)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
