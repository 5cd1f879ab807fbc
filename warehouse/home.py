"""The home folder: where a warehouse and everything beside it lives.

Paths only; no connection is opened here.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from proxylm.errors import UsageError

_FOLDERS = (
    "landing",
    "landing/incoming",
    "landing/loaded",
    "landing/rejected",
    "published",
    "predictors",
    "runs",
    "corpora",
    "catalogue",
    "sites",
    "backups",
)


@dataclass(frozen=True)
class Home:
    """A home folder that exists. Make one with `Home.create`, find one with `Home.find`."""

    path: Path

    @property
    def warehouse(self) -> Path:
        return self.path / "warehouse.duckdb"

    @property
    def lock(self) -> Path:
        return self.path / "warehouse.lock"

    @property
    def incoming(self) -> Path:
        return self.path / "landing" / "incoming"

    @property
    def loaded(self) -> Path:
        return self.path / "landing" / "loaded"

    @property
    def rejected(self) -> Path:
        return self.path / "landing" / "rejected"

    @property
    def published(self) -> Path:
        return self.path / "published"

    @property
    def snapshot(self) -> Path:
        """Link to the newest read-only copy."""
        return self.published / "current.duckdb"

    @property
    def predictors(self) -> Path:
        return self.path / "predictors"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def corpora(self) -> Path:
        return self.path / "corpora"

    @property
    def embeddings(self) -> Path:
        return self.path / "embeddings"

    @property
    def catalogue(self) -> Path:
        return self.path / "catalogue"

    @property
    def site(self) -> Path:
        """Link to the newest site below `sites`; absent until one is published."""
        return self.path / "site"

    @property
    def backups(self) -> Path:
        return self.path / "backups"

    @classmethod
    def create(cls, path: Path) -> "Home":
        """Make the folders (mode 0700). An existing home is completed, never emptied.

        Raises UsageError where `path` is a file or a folder with other content.
        """
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file; name a folder with --home or PLM_HOME")
        if path.is_dir() and any(path.iterdir()) and not _is_home(path):
            raise UsageError(
                f"{path} has other content and is no ProxyLM home; name an empty or new folder "
                "with --home or PLM_HOME"
            )
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = cls(path.resolve())
        for folder in _FOLDERS:
            (path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        return home

    @classmethod
    def find(cls, path: Path | str | None = None) -> "Home":
        """The home at `path`, else at PLM_HOME, else at ./plm.

        Raises UsageError where there is none.
        """
        folder = Path(path or os.environ.get("PLM_HOME") or "plm")
        if not folder.exists():
            raise UsageError(
                f"there is no ProxyLM home at {folder}; make one with `plm-admin init`, or name "
                "yours with --home or PLM_HOME"
            )
        if not _is_home(folder):
            raise UsageError(
                f"{folder} is no ProxyLM home (it has no landing folder and no warehouse.duckdb); "
                "make one with `plm-admin init`, or name yours with --home or PLM_HOME"
            )
        return cls(folder.resolve())


def _is_home(path: Path) -> bool:
    return (path / "warehouse.duckdb").is_file() or (path / "landing" / "incoming").is_dir()
