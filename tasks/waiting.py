"""Waiting for something that is away for a while: a server, a store. Knows neither of them."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

T = TypeVar("T")


def patiently(ask: Callable[[], T], is_away: Callable[[Exception], bool], seconds: float) -> T:
    """What `ask` gives, asked again after each error that `is_away` knows, for so many seconds.

    Then, or after another error, raises what `ask` raised. Pauses grow; each error is
    logged as a warning.
    """
    begun, pause = time.monotonic(), FIRST_PAUSE_SECONDS
    while True:
        try:
            return ask()
        except Exception as error:
            if not is_away(error) or time.monotonic() - begun > seconds:
                raise
            logging.getLogger(__name__).warning("%s; waiting", error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
