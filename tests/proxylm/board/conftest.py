"""One Chromium and one site for all tests of the page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.publish import publish
from tests import browser
from tests.boards import fill
from warehouse.home import Home
from warehouse.loader import load_landing


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the system."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    pytest.importorskip("vl_convert", reason="the `site` extra is not installed")
    if browser.chromium_path() is None:
        pytest.skip("there is no chromium here; `apt-get install chromium` brings it")
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Publish a random board; see `tests.boards.fill`. Returns the home's folder."""

    def make(**choices: Any) -> Path:
        home = Home.create(tmp_path_factory.mktemp("board") / "plm")
        load_landing(home)
        fill(home, **choices)
        publish(str(home.path))
        return home.path

    return make


@pytest.fixture(scope="session")
def site(make_site: Callable[..., Path]) -> Path:
    """A small board with something in every view."""
    return make_site(languages=8) / "site"


@pytest.fixture
def browse(chromium: Any, site: Path) -> Iterator[Callable[..., browser.Page]]:
    """Open pages; at the end none may have complained or asked for anything but files."""
    opened: list[browser.Page] = []

    def make(where: Path = site, **options: Any) -> browser.Page:
        page = browser.Page(chromium, where, **options)
        opened.append(page)
        return page

    yield make
    complaints = [complaint for page in opened for complaint in page.complaints]
    for page in opened:
        page.context.close()
    assert complaints == []
