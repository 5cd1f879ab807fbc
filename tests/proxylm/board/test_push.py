"""Copies to S3-like storage and to the hub, each with the real client against a local server."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proxylm.board.push import files_in_order, push
from proxylm.errors import ProxyLMError, UsageError

FILES = {
    "index.html": b"<p>page",
    "data/start.js": b"plm.receive()",
    "data/board-0-0.js": b"plm.receive()",
    "assets/board.css": b"p {}",
    "leaderboard.parquet": bytes(range(256)),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "site"


class Server(ThreadingHTTPServer):
    """Speaks as much of S3 and of the hub as a push needs, and keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stored: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.refuses = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, value: Any = None) -> None:
        content = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self) -> None:  # S3
        body = self._body()
        if self.headers.get("Content-Encoding") == "aws-chunked":
            body = b"".join(_aws_chunks(body))
        if self.server.refuses:
            return self._answer(403)
        self.server.asked.append(self.path)
        self.server.stored[self.path] = body
        self.server.headers[self.path] = dict(self.headers)
        return self._answer(200)

    def do_POST(self) -> None:  # the hub
        body = self._body()
        self.server.asked.append(self.path)
        self.server.headers[self.path] = dict(self.headers)
        if self.server.refuses or self.headers.get("Authorization") != "Bearer secret":
            return self._answer(401, {"error": "no"})
        if self.path == "/api/repos/create":
            return self._answer(200, {"url": f"{self.server.address}/datasets/me/board"})
        if self.path == "/api/validate-yaml":
            return self._answer(200, {"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            said = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": said})
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                value = entry["value"]
                self.server.stored[value["path"]] = base64.b64decode(value["content"])
        address = self.server.address + self.path.removeprefix("/api").replace("main", "1" * 40)
        return self._answer(200, {"commitUrl": address, "commitOid": "1" * 40, "success": True})

    def log_message(self, *_: object) -> None:
        pass


def _aws_chunks(body: bytes) -> Iterator[bytes]:
    """The content of a body in AWS's chunked encoding, which has a checksum after it."""
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return
        yield body[:size]
        body = body[size + 2 :]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    started = Server()
    threading.Thread(target=started.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": started.address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
        "HF_ENDPOINT": started.address,
        "HF_TOKEN": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    yield started
    started.shutdown()
    started.server_close()


def test_a_site_is_copied_to_a_bucket_with_the_page_last(site: Path, server: Server) -> None:
    pytest.importorskip("boto3", reason="the `push` extra is not installed")
    assert push(site, "s3://bucket/some/board") == "s3://bucket/some/board"
    assert server.stored == {f"/bucket/some/board/{n}": content for n, content in FILES.items()}
    assert [path.rpartition("/")[2] for path in server.asked[-2:]] == ["start.js", "index.html"]
    kind = server.headers["/bucket/some/board/index.html"]["Content-Type"]
    assert kind == "text/html; charset=utf-8"


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_a_site_is_one_commit_on_the_hub(site: Path, server: Server, kind: str) -> None:
    push(site, f"hf://{kind}/me/board")
    card = server.stored.pop("README.md").decode()
    assert "data_files: leaderboard.parquet" in card
    assert server.stored == FILES
    assert sum("/commit/" in path for path in server.asked) == 1
    assert all(
        path.startswith((f"/api/{kind}/me/board/", "/api/repos/", "/api/validate-yaml"))
        for path in server.asked
    )


@pytest.mark.parametrize("destination", ["s3://bucket", "hf://datasets/me/board"])
def test_a_refusal_says_what_to_do(site: Path, server: Server, destination: str) -> None:
    server.refuses = True
    with pytest.raises(ProxyLMError, match="is published"):
        push(site, destination)


def test_the_hub_needs_a_token(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(UsageError, match="HF_TOKEN"):
        push(site, "hf://datasets/me/board")


@pytest.mark.parametrize("destination", ["ftp://x/y", "hf://models/me/board", "s3://", "site"])
def test_other_places_are_refused(site: Path, destination: str) -> None:
    with pytest.raises(UsageError, match="use s3://bucket/prefix"):
        push(site, destination)


def test_what_leads_to_others_comes_last(site: Path) -> None:
    assert files_in_order(site)[-2:] == ["data/start.js", "index.html"]
