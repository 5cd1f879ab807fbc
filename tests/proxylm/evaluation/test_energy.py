"""Energy from RAPL's files, in a folder that is laid out as the kernel does it."""

from pathlib import Path

import pytest

from proxylm.evaluation.energy import EnergyMeter


def zone(powercap: Path, folder: str, name: str, microjoules: int, wraps_at: int = 10**9) -> Path:
    """Write a zone; returns its counter."""
    made = powercap / folder
    made.mkdir(parents=True)
    (made / "name").write_text(f"{name}\n")
    (made / "max_energy_range_uj").write_text(f"{wraps_at}\n")
    (made / "energy_uj").write_text(f"{microjoules}\n")
    return made / "energy_uj"


def test_packages_are_summed_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    counters = [
        zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000),
        zone(tmp_path, "intel-rapl:1", "package-1", 500),
        zone(tmp_path, "intel-rapl:0:0", "core", 7),
        zone(tmp_path, "intel-rapl:2", "psys", 9),
        zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1_000_000),
    ]
    with EnergyMeter(tmp_path) as meter:
        assert meter.read_joules() == 0.0
        for counter in counters:
            counter.write_text(f"{int(counter.read_text()) + 2_500_000}\n")
        assert meter.read_joules() == pytest.approx(5.0)
        counters[0].write_text("4500000")
        assert meter.read_joules() == pytest.approx(6.0)


def test_a_counter_that_starts_again_loses_nothing(tmp_path: Path) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000, wraps_at=10_000_000)
    meter = EnergyMeter(tmp_path)
    counter.write_text("2000000")
    assert meter.read_joules() == pytest.approx(3.0)
    counter.write_text("8000000")
    assert meter.read_joules() == pytest.approx(9.0)


@pytest.mark.parametrize("content", [None, "", "secret"])
def test_without_a_readable_counter_there_is_no_figure(tmp_path: Path, content: str | None) -> None:
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    if content is None:
        counter.unlink()
    else:
        counter.write_text(content)
    assert EnergyMeter(tmp_path).read_joules() is None
    assert EnergyMeter(tmp_path / "absent").read_joules() is None


def test_a_counter_that_is_lost_takes_the_sum_with_it(tmp_path: Path) -> None:
    lost = zone(tmp_path, "intel-rapl:0", "package-0", 1)
    kept = zone(tmp_path, "intel-rapl:1", "package-1", 1)
    meter = EnergyMeter(tmp_path)
    lost.unlink()
    kept.write_text("1000001")
    assert meter.read_joules() is None
