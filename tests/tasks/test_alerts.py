"""Alerts reach a webhook and a mail server, and none that fails changes anything."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Failed

from tasks.alerts import alert

TOLD: list[Any] = []


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        TOLD.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class MailSink(socketserver.StreamRequestHandler):
    """As much of SMTP as a message needs."""

    def handle(self) -> None:
        self.say("220 sink")
        lines: list[str] = []
        reading = False
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if reading and line == ".":
                TOLD.append("\n".join(lines))
                reading = False
                self.say("250 taken")
            elif reading:
                lines.append(line)
            elif line.upper() == "DATA":
                reading = True
                self.say("354 go on")
            elif line.upper() == "QUIT":
                self.say("221 bye")
                return
            else:
                lines.append(line)
                self.say("250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield "{}:{}".format(*server.server_address[:2])
    server.shutdown()
    server.server_close()
    thread.join()


def fail(message: str) -> None:
    run: Any = SimpleNamespace(name="crimson-fox")
    alert(SimpleNamespace(name="refresh"), run, Failed(message=message))


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    TOLD.clear()


def test_a_failed_run_is_told_to_a_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(HTTPServer(("127.0.0.1", 0), Webhook)) as address:
        monkeypatch.setenv("PLM_ALERT_WEBHOOK", f"http://{address}/hook")
        fail("2 of 3 batches failed")
    assert TOLD == [{"text": "proxylm-ops: refresh failed (crimson-fox): 2 of 3 batches failed"}]


def test_a_failed_run_is_told_by_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(socketserver.TCPServer(("127.0.0.1", 0), MailSink)) as address:
        monkeypatch.setenv("PLM_ALERT_MAIL", f"smtp://{address}?from=plm@a.org&to=me@a.org")
        fail("the disk is full")
    (message,) = TOLD
    assert "RCPT TO:<me@a.org>" in message or "rcpt TO:<me@a.org>" in message
    assert "Subject: proxylm-ops: refresh failed" in message
    assert "the disk is full" in message


def test_an_alert_that_cannot_be_sent_is_logged_without_its_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLM_ALERT_WEBHOOK", "http://127.0.0.1:9/services/secret")
    monkeypatch.setenv("PLM_ALERT_MAIL", "smtp://127.0.0.1:9")
    with caplog.at_level("WARNING"):
        fail("x")
    assert TOLD == []
    assert "secret" not in caplog.text
