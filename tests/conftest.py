"""What several tests share: a home of their own, and the published records where they are."""

import os
from pathlib import Path

import pytest

from tests.tiny import CATALOGUE
from warehouse.home import Home
from warehouse.loader import load_landing

CHECKOUT = Path(__file__).resolve().parent.parent

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")


@pytest.fixture(autouse=True)
def _no_user_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests never touch the user's own home or server."""
    monkeypatch.setenv("PLM_HOME", str(tmp_path / "plm"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PLM_LOCK_SECONDS", "5")
    monkeypatch.setenv("PLM_ENCODER", "none")  # seconds for each test, and not installed everywhere


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home with a published copy, at PLM_HOME."""
    made = Home.create(tmp_path / "plm")
    load_landing(made)
    return made


@pytest.fixture
def tiny_home(home: Home) -> Home:
    """A home whose catalogue wants 45 evaluations; the estimated model is not trained in Danish."""
    (home.catalogue / "tiny.yaml").write_text(CATALOGUE)
    return home


@pytest.fixture(scope="session")
def records() -> Path:
    """The folder of the published records."""
    folder = Path(os.environ.get("PROXYLM_RECORDS") or CHECKOUT.parent / "shared" / "data")
    if not (folder / "mt560_experiments.csv").is_file():
        pytest.skip(f"no published records in {folder}; name their folder with PROXYLM_RECORDS")
    return folder


@pytest.fixture(scope="session")
def published_home(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with both published files imported. Tests must not write to it."""
    from proxylm.landing import write_landing
    from proxylm.published import read_records

    made = Home.create(tmp_path_factory.mktemp("published") / "plm")
    for name in ("mt560", "intent"):
        imported = read_records(records / f"{name}_experiments.csv")
        write_landing(imported.bundle, made.incoming)
    load_landing(made)
    return made
