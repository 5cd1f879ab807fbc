"""One page over HTTP from a real server: conditional, retried, bounded, and its token kept."""

import logging
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from proxylm.sources import client
from proxylm.sources.client import Client, FetchError, Page
from tests.hub_server import CUT, HubServer, serving


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(HubServer(feeds={"/feed": {"version": 1}})) as server:
        yield server


def page(hub: HubServer, waits: list[float], token: str | None = None, path: str = "/feed") -> Page:
    with Client(token, sleep=waits.append) as asking:
        return asking.page(hub.url + path)


def test_an_unchanged_page_is_not_sent_again(hub: HubServer) -> None:
    with Client() as asking:
        first = asking.page(f"{hub.url}/feed")
        again = asking.page(f"{hub.url}/feed", first.etag)
        hub.feeds["/feed"] = {"version": 1, "models": []}
        changed = asking.page(f"{hub.url}/feed", first.etag)
    assert (first.content, first.http_status) == ({"version": 1}, 200)
    assert (again.content, again.http_status) == (None, 304)
    assert (changed.content["models"], changed.http_status) == ([], 200)


@pytest.mark.parametrize(
    ("faults", "retry_after", "waits"),
    [
        ([500], None, [1.0]),
        ([429, 503], "7", [7.0, 7.0]),
        ([CUT, 502, CUT], None, [1.0, 2.0, 4.0]),
        ([429], "soon", [1.0]),
        ([429], "-5", [0.0]),
        ([429], formatdate(0), [0.0]),
    ],
)
def test_a_passing_fault_is_waited_for(
    hub: HubServer, faults: list[int | str], retry_after: str | None, waits: list[float]
) -> None:
    hub.faults["/feed"] = faults
    hub.headers = {"Retry-After": retry_after} if retry_after else {}
    waited: list[float] = []
    assert page(hub, waited).retries == len(waits)
    assert waited == waits


@pytest.mark.parametrize(
    ("faults", "retry_after", "retries", "message"),
    [
        ([500] * 4, None, 3, "HTTP 500 Internal Server Error, 4 times; it is asked again"),
        ([CUT] * 4, None, 3, "the connection failed"),
        ([429], "3600", 0, "it asks to wait 3600 s, so it is asked again in the next run"),
        ([429], "Wed, 21 Oct 2199 07:28:00 GMT", 0, "it asks to wait"),
        ([429], "nan", 0, "429"),
        ([401], None, 0, "it needs a token: set HF_TOKEN"),
        ([403], None, 0, "it needs a token: set HF_TOKEN"),
        ([404], None, 0, "check the name in the policy"),
        ([418], None, 0, "HTTP 418"),
    ],
)
def test_a_lasting_fault_says_why_and_what_to_do(
    hub: HubServer, faults: list[int | str], retry_after: str | None, retries: int, message: str
) -> None:
    hub.faults["/feed"] = list(faults)
    hub.headers = {"Retry-After": retry_after} if retry_after else {}
    if retry_after == "nan":
        hub.faults["/feed"] *= 4
        retries = 3
    with pytest.raises(FetchError, match=message) as error:
        page(hub, [])
    assert error.value.http_status == (None if faults[0] == CUT else faults[0])
    assert error.value.retries == retries


def test_a_server_that_is_not_there_is_a_fault(hub: HubServer) -> None:
    with serving(HubServer()) as gone:
        pass
    with pytest.raises(FetchError, match="the connection failed") as error:
        page(gone, [])
    assert error.value.http_status is None


def test_a_token_is_sent_and_said_nowhere(hub: HubServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hub.token = "hf_planted"
    assert page(hub, [], "hf_planted").http_status == 200
    hub.token = "another"
    with pytest.raises(FetchError, match="the token in HF_TOKEN does not open it") as error:
        page(hub, [], "hf_planted")
    assert "planted" not in f"{error.value!r} {caplog.text}"


def test_the_next_page_is_on_the_same_host(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "@localhost:1/next"  # turns http://127.0.0.1:PORT into a user name
    monkeypatch.setattr(hub, "answer", lambda request: (200, [], elsewhere))
    with pytest.raises(FetchError, match="leads to another host"):
        page(hub, [], "hf_planted")


def test_an_answer_that_is_too_large_or_no_json_is_refused(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.feeds["/feed"] = "x" * 2000
    monkeypatch.setattr(client, "LARGEST_PAGE_BYTES", 1000)
    with pytest.raises(FetchError, match="is larger than"):
        page(hub, [])
    with pytest.raises(FetchError, match="is no address"):
        page(hub, [], path=":x/")
