"""Energy from hardware counters: NVML for GPUs, RAPL for Intel and AMD processors.

A counter tells what the whole device used, other programs included. Where no counter can be read
there is no figure: None, never 0. This module knows no model and no run.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch

POWERCAP = Path("/sys/class/powercap")


class _Counter(NamedTuple):
    """A counter of energy since some time in the past."""

    read: Callable[[], int | None]  # None where it cannot be read
    joules: float  # in one unit of the counter
    wraps_at: int | None  # after this value it goes on from 0; None: it never does


class EnergyMeter:
    """Energy used since the meter was made, by visible GPUs and processor packages.

    `with EnergyMeter() as meter: work(); joules = meter.read_joules()`. It is the sum over the
    counters that this user may read. A RAPL counter goes on from 0 after some minutes to hours;
    one such wrap between two reads is made good, so in long work read every few minutes.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        """Start counting. `powercap` is the folder of the kernel's power capping zones."""
        counters = [*_packages(powercap), *_gpus()]
        self._last = {c: value for c in counters if (value := c.read()) is not None}
        self._joules = 0.0

    def __enter__(self) -> "EnergyMeter":
        return self

    def __exit__(self, *error: object) -> None:
        self.read_joules()

    def read_joules(self) -> float | None:
        """Joules since the meter was made; None where no counter can be read.

        None, too, once a counter was lost: without its part the sum would be too low.
        """
        for counter, before in self._last.items():
            now = counter.read()
            if now is not None and now < before and counter.wraps_at:
                before -= counter.wraps_at
            if now is None or now < before:
                self._last = {}
                break
            self._joules += (now - before) * counter.joules
            self._last[counter] = now
        return self._joules if self._last else None


@cache
def _process_meter() -> EnergyMeter:
    return EnergyMeter()


def read_joules() -> float | None:
    """Joules since the first call in this process; the difference of two calls is what to keep.

    None where no counter can be read.
    """
    return _process_meter().read_joules()


def _packages(powercap: Path) -> list[_Counter]:
    """RAPL counters of whole packages, zones like `intel-rapl:0` (AMD's are named so, too).

    Left out are parts of a package (`intel-rapl:0:0`), which it contains, and `psys`, which
    contains the packages.
    """
    return [
        _Counter(partial(_number, zone / "energy_uj"), 1e-6, _number(zone / "max_energy_range_uj"))
        for zone in sorted(powercap.glob("*rapl:*"))
        if zone.name.count(":") == 1 and _text(zone / "name").startswith("package")
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # absent, or for root alone
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _gpus() -> list[_Counter]:
    """NVML counters of the GPUs that torch sees; none without driver or `nvidia-ml-py`."""
    try:
        import pynvml
    except ImportError:
        return []
    if not torch.cuda.is_available():
        return []

    def millijoules(uuid: str) -> int | None:
        try:
            handle = pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except pynvml.NVMLError:  # a card before Volta, or a slice of one
            return None

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    # NVML counts all GPUs of the machine, whatever CUDA_VISIBLE_DEVICES says: ask by identity.
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [_Counter(partial(millijoules, f"GPU-{card.uuid}"), 1e-3, None) for card in cards]
