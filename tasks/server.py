"""A Prefect server that is away: waited for where batches are at work, else one plain error.

Prefect's client itself asks for a minute before it gives up. Nothing that was evaluated or loaded
depends on the server, so what a command that lost it has done is kept.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from proxylm.errors import ProxyLMError
from tasks.waiting import patiently

AWAY_SECONDS = 3600.0
"""How long a server is waited for while batches are at work elsewhere."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")  # where a temporary server of Prefect's own is

T = TypeVar("T")


class ServerAway(ProxyLMError):
    """The Prefect server does not answer."""


def wait_for_server(ask: Callable[[], T]) -> T:
    """What `ask` gives, asked again while the server is away. ServerAway after AWAY_SECONDS."""
    with server_needed():
        return patiently(ask, _is_away, AWAY_SECONDS)


@contextmanager
def server_needed() -> Iterator[None]:
    """Around what asks the server. Raises ServerAway where it ends because nobody answers."""
    try:
        yield
    except Exception as error:
        if not _is_away(error):
            raise
        raise _server_away(error) from error


def _is_away(error: BaseException | None) -> bool:
    """Whether it, or what caused it, is a request to the Prefect server without a proper answer."""
    while error is not None and not isinstance(error, httpx.HTTPError):
        error = error.__cause__
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 and _asks_prefect(error)
    return isinstance(error, httpx.TransportError) and _asks_prefect(error)


def _asks_prefect(error: httpx.HTTPError) -> bool:
    """Not a model hub or another server: flows ask those, too."""
    ours = urlsplit(os.environ.get("PREFECT_API_URL", "")).hostname
    try:
        return error.request.url.host in ((ours,) if ours else _LOOPBACK)
    except RuntimeError:  # it knows no request
        return False


def _server_away(error: Exception) -> ServerAway:
    url = os.environ.get("PREFECT_API_URL")
    which = f"at {url}" if url else "that was started for this run"
    way = "start it, or unset PREFECT_API_URL, and run" if url else "run"
    return ServerAway(
        f"the Prefect server {which} does not answer ({error}); what was evaluated and loaded is "
        f"kept: {way} the same again, and nothing is done twice"
    )
