"""axe-core, the judge of accessibility, looks at every view in both colour schemes."""

import shutil
import subprocess
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import Page, number

VERSION = "4.14.1"
VIEWS = [
    "board?task=mt&metric=spBLEU", "board?task=mt&metric=spBLEU&rows=settings", "decide",
    "trust?task=mt&metric=spBLEU", "costs", "next", "languages", "models", "method", "excluded",
    "data", "language?code=arb_Arab", "model?id=alpha",
]  # fmt: skip


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """The script of axe-core, from npm; kept in pytest's cache."""
    cache: Any = request.config.cache
    folder = cache.mkdir("axe")
    packed = folder / f"axe-core-{VERSION}.tgz"
    if not packed.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed, which fetches axe-core")
        fetched = subprocess.run(
            ["npm", "pack", "--silent", f"axe-core@{VERSION}"],
            cwd=folder, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if fetched.returncode or not packed.exists():
            pytest.skip(f"npm cannot fetch axe-core: {fetched.stderr.strip()[-200:]}")
    with tarfile.open(packed) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


def check(page: Page, axe: str, views: list[str]) -> None:
    for view in views:
        shown = page.open(view)
        shown.evaluate(axe)
        found = shown.evaluate("() => axe.run({ resultTypes: ['violations'], preload: false })")
        serious = [
            f"{view}: {one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []


def test_axe_finds_no_serious_violation(browse: Callable[..., Page], axe: str) -> None:
    check(browse(bypass_csp=True), axe, VIEWS[:4])


@pytest.mark.slow
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_violation_anywhere(
    browse: Callable[..., Page], axe: str, colours: str
) -> None:
    page = browse(color_scheme=colours, bypass_csp=True)
    check(page, axe, [*VIEWS, number(page)])
