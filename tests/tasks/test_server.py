"""A Prefect server that does not answer: waited for, then one error that says the way on."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tasks import server, waiting
from tasks.server import ServerAway, server_needed, wait_for_server
from tests.wire import Wire


class Answers(BaseHTTPRequestHandler):
    """200 to all."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not to the terminal."""


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The way to the server that is Prefect's here."""
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=behind.serve_forever, args=(0.02,), daemon=True).start()
    with Wire("127.0.0.1", behind.server_port) as made:
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{made.port}/api")
        monkeypatch.setattr(waiting, "FIRST_PAUSE_SECONDS", 0.05)
        yield made
    behind.shutdown()
    behind.server_close()


def ask(wire: Wire) -> int:
    return httpx.get(f"http://127.0.0.1:{wire.port}/api/health").status_code


def test_a_server_that_comes_back_is_waited_for(wire: Wire) -> None:
    assert wait_for_server(lambda: ask(wire)) == 200
    wire.cut()
    threading.Timer(0.1, wire.mend).start()
    assert wait_for_server(lambda: ask(wire)) == 200


def test_a_server_that_stays_away_is_one_error_with_the_way_on(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.cut()
    monkeypatch.setattr(server, "AWAY_SECONDS", 0)
    said = r"at http://127.0.0.1:\d+/api does not answer .* kept: start it, or unset PREFECT_API"
    with pytest.raises(ServerAway, match=said):
        wait_for_server(lambda: ask(wire))

    def begin() -> None:  # as Prefect does
        try:
            ask(wire)
        except httpx.ConnectError as error:
            raise RuntimeError("Failed to reach API") from error

    with pytest.raises(ServerAway, match="Failed to reach API"), server_needed():
        begin()
    monkeypatch.delenv("PREFECT_API_URL")
    with pytest.raises(ServerAway, match="that was started for this run"), server_needed():
        ask(wire)
    wire.mend()


def test_another_server_is_not_taken_for_prefect_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect:4200/api")
    for error in (
        httpx.ConnectError("no", request=httpx.Request("GET", "https://hub.example/api/models")),
        httpx.ConnectError("no request"),
        KeyError("x"),
    ):
        with pytest.raises(type(error)) as caught, server_needed():
            raise error
        assert caught.value is error
