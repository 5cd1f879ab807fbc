"""A refresh that finds everything done: no row more, and hardly any time."""

import sys
import time

import pytest

from tests.tasks.test_loop import run_all
from warehouse.database import reading, table_counts
from warehouse.home import Home

EPOCHS = 60
"""Of the estimated model: a first refresh of a minute, of which demo and paper take many."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_third_identical_refresh_adds_nothing_in_a_twentieth_of_the_time(
    tiny_home: Home,
) -> None:
    catalogue = tiny_home.catalogue / "tiny.yaml"
    catalogue.write_text(catalogue.read_text().replace("epochs: 6", f"epochs: {EPOCHS}"))
    seconds, rows = [], []
    for _ in range(3):
        begun = time.perf_counter()
        run_all(tiny_home)
        seconds.append(time.perf_counter() - begun)
        with reading(tiny_home) as connection:
            rows.append(table_counts(connection))
    sys.stderr.write(f"refreshes: {', '.join(f'{taken:.1f}' for taken in seconds)} s\n")
    assert rows[2] == rows[1] == rows[0]
    assert seconds[2] <= 0.05 * seconds[0], seconds
