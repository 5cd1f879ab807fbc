"""A hub on this machine: the endpoints of the Hugging Face Hub that are used, and its faults.

Models are listed in pages with `Link`, pages have an ETag and answer 304, and any path can be told
to answer something else first: a status, or a connection that is cut in the middle of the answer.
"""

import hashlib
import http.server
import json
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

CUT = "cut"
"""A fault: half of the answer, then the connection is closed."""


class Request(NamedTuple):
    """What was asked."""

    path: str
    query: dict[str, list[str]]
    etag: str | None
    authorization: str | None


@dataclass
class HubServer:
    """What the hub has; change it between runs."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    feeds: dict[str, Any] = field(default_factory=dict)  # path to content
    token: str | None = None  # asked for, where set
    page_size: int = 2
    faults: dict[str, list[int | str]] = field(default_factory=lambda: defaultdict(list))
    headers: dict[str, str] = field(default_factory=dict)  # sent with a fault
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def add_model(self, name: str, sha: str, **facts: Any) -> None:
        """A model that can be run: an M2M100 of 100 M parameters under the MIT licence."""
        entry: dict[str, Any] = {
            "id": name,
            "sha": sha,
            "pipeline_tag": "translation",
            "tags": ["transformers", "safetensors"],
            "downloads": 5000,
            "gated": False,
            "config": {"model_type": "m2m_100"},
            "safetensors": {"total": 100_000_000},
            "cardData": {"license": "mit", "language": ["sw", "en"]},
        }
        self.models[name] = entry | facts

    def answer(self, request: Request) -> tuple[int, Any, str | None]:
        """Status, content and the next page."""
        path = request.path
        if path in self.feeds:
            return 200, self.feeds[path], None
        if path == "/api/models":
            wanted = request.query["pipeline_tag"][0]
            tags = {x for x in request.query.get("filter", []) if x.startswith("license:")}
            entries = [
                model
                for model in self.models.values()
                if model["pipeline_tag"] == wanted
                and tags <= {f"license:{model['cardData'].get('license')}"}
            ]
            start = int(request.query.get("cursor", ["0"])[0])
            end = start + self.page_size
            query = f"pipeline_tag={wanted}&cursor={end}"
            query += "".join(f"&filter={tag}" for tag in tags)
            following = f"/api/models?{query}" if end < len(entries) else None
            return 200, entries[start:end], following
        for prefix, known in (("/api/models/", self.models), ("/api/datasets/", self.datasets)):
            if path.startswith(prefix) and (name := path.removeprefix(prefix)) in known:
                return 200, known[name], None
        return 404, {"error": "Repository not found"}, None


@contextmanager
def serving(hub: HubServer) -> Iterator[HubServer]:
    """The hub behind a port of this machine while the context lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            request = Request(
                unquote(parts.path),
                parse_qs(parts.query),
                self.headers.get("If-None-Match"),
                self.headers.get("Authorization"),
            )
            hub.requests.append(request)
            status, content, following = hub.answer(request)
            fault = hub.faults[request.path].pop(0) if hub.faults[request.path] else None
            extra = {}
            if hub.token and request.authorization != f"Bearer {hub.token}":
                status, content = 401, {"error": "Invalid username or password."}
            if isinstance(fault, int):
                status, content, extra = fault, {"error": "fault"}, hub.headers
            body = json.dumps(content).encode()
            etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
            if status == 200 and request.etag == etag:
                status, body = 304, b""
            self.send_response(status)
            if status in (200, 304):
                self.send_header("ETag", etag)
            if status == 200 and following:
                self.send_header("Link", f'<{hub.url}{following}>; rel="next"')
            for name, value in extra.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == CUT:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            elif status != 304:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
