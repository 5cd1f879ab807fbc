"""docs/extend.md is followed word by word, each section in a copy of the checkout."""

import shutil
from pathlib import Path

import pytest

from tests.pages import CHECKOUT, blocks, follow, section
from tests.release import write_release

PAGE = (CHECKOUT / "docs" / "extend.md").read_text()


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("A kind of model", marks=pytest.mark.slow),
        pytest.param("A task", marks=pytest.mark.slow),
        "A format of texts",
        pytest.param("A regressor", marks=pytest.mark.slow),
    ],
)
def test_what_the_page_adds_works(title: str, tmp_path: Path) -> None:
    for package in ("proxylm", "warehouse", "tasks", "flows", "cli"):
        shutil.copytree(CHECKOUT / package, tmp_path / package)
    (tmp_path / "records").mkdir()
    write_release(tmp_path / "records", ("intent_experiments.csv",))
    for block in blocks(section(PAGE, title)):
        follow(block, tmp_path)
