"""One JSON page over HTTP: conditional, patient within bounds, and without leaking its token.

What a page means is not known here. Waiting is the caller's function, so that tests do not wait.
"""

import json
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from proxylm import __version__
from proxylm.errors import ProxyLMError

TRIES = 4
"""Requests for one page before it is given up until the next run."""
LONGEST_WAIT_SECONDS = 60.0
"""A source that asks for more is left alone until the next run."""
LARGEST_PAGE_BYTES = 32 * 2**20
TIMEOUT_SECONDS = 30.0

_TRANSIENT = {408, 429, 500, 502, 503, 504}


class Page(NamedTuple):
    """An answer. Of an unchanged page `content` is None: it is what it was."""

    content: Any
    http_status: int  # 200 or 304
    etag: str | None
    next_url: str | None
    retries: int


class FetchError(ProxyLMError):
    """A page that could not be had; says why, and what to do."""

    def __init__(self, message: str, http_status: int | None, retries: int) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.retries = retries


class Client:
    """Asks one source. `token` is sent to that source's host only and is in no message."""

    def __init__(
        self,
        token: str | None = None,
        token_name: str = "HF_TOKEN",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token_name = token_name
        self._has_token = bool(token)
        self._sleep = sleep
        headers = {"User-Agent": f"proxylm-ops/{__version__}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # httpx drops Authorization where a redirect leads to another host.
        self._http = httpx.Client(
            headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True, max_redirects=5
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def page(self, url: str, etag: str | None = None) -> Page:
        """The page at `url`; with the `etag` of the last time it may be unchanged.

        Waits and asks again where that can help: 408, 429 (as long as Retry-After says), 5xx, a
        cut connection. Raises FetchError where it does not help, and after TRIES requests.
        """
        headers = {"If-None-Match": etag} if etag else {}
        status: int | None = None
        for retry, wait in enumerate(_waits()):
            try:
                with self._http.stream("GET", url, headers=headers) as response:
                    status = response.status_code
                    if status in (200, 304):
                        return self._answer(url, response, retry)
                    reason, asked = _refusal(response), _retry_after(response)
            except httpx.InvalidURL:
                raise FetchError(f"{url} is no address", None, retry) from None
            except httpx.TransportError as error:
                status, asked = None, None
                reason = f"the connection failed ({type(error).__name__}: {error})"
            except httpx.TooManyRedirects:
                raise FetchError(f"{url} redirects in a circle", None, retry) from None
            if status is not None and status not in _TRANSIENT:
                raise FetchError(self._explained(url, status, reason), status, retry)
            if asked is not None and asked > LONGEST_WAIT_SECONDS:
                raise FetchError(
                    f"{url}: {reason}; it asks to wait {asked:.0f} s, so it is asked again in the "
                    "next run",
                    status,
                    retry,
                )
            if retry < TRIES - 1:
                self._sleep(wait if asked is None else asked)
        raise FetchError(
            f"{url}: {reason}, {TRIES} times; it is asked again in the next run", status, TRIES - 1
        )

    def _answer(self, url: str, response: httpx.Response, retries: int) -> Page:
        content = None
        if response.status_code == 200:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_PAGE_BYTES:
                    raise FetchError(
                        f"{url} is larger than {LARGEST_PAGE_BYTES >> 20} MiB", 200, retries
                    )
            try:
                content = json.loads(body)
            except (ValueError, RecursionError):
                raise FetchError(f"{url} is not JSON", 200, retries) from None
        following = response.links.get("next", {}).get("url")
        if following is not None:
            following = str(response.url.join(following))
            if _origin(following) != _origin(url):  # it would get the token
                raise FetchError(f"{url} leads to another host, {following}", 200, retries)
        return Page(content, response.status_code, response.headers.get("ETag"), following, retries)

    def _explained(self, url: str, status: int, reason: str) -> str:
        if status in (401, 403):
            if self._has_token:
                way_on = f"the token in {self._token_name} does not open it"
            else:
                way_on = f"it needs a token: set {self._token_name}"
            return f"{url}: {reason}; {way_on}"
        if status == 404:
            return f"{url}: {reason}; check the name in the policy, or it was withdrawn"
        return f"{url}: {reason}"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return parts.scheme, parts.host, parts.port


def _waits() -> Iterator[float]:
    """Seconds to wait after each try: 1, 2, 4, ..."""
    return (2.0**n for n in range(TRIES))


def _refusal(response: httpx.Response) -> str:
    return f"HTTP {response.status_code} {response.reason_phrase}".strip()


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the source asks to wait: a number, or a time of day."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
