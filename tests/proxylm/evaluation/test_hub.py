"""Models of a hub: a local server that speaks its protocol, with a model, a gate and gaps."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.hub import load_model
from tests.django_text import pairs
from tests.proxylm.evaluation import tiny_models

COMMIT = "0123456789abcdef0123456789abcdef01234567"

PROGRAM = """
import json, sys
from proxylm.errors import ProxyLMError
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.encoder_decoder import prepare

said = {}
for path, revision in json.loads(sys.argv[1]):
    try:
        prepare(ModelSpec("m", revision, "encoder-decoder", {"path": path}), "cpu")
        said[path] = "loaded"
    except ProxyLMError as error:
        said[path] = str(error)
print(json.dumps(said))
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """`/NAME/resolve/REVISION/FILE` as the hub answers it."""

    folder: Path
    requests: list[str]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        self.requests.append(self.path)
        if self.path.startswith("/api/"):  # asked for folders that a model may have
            return self._refuse(404, "EntryNotFound")
        name, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        if name == "acme/gated":
            return self._refuse(403, "GatedRepo")
        if name != "acme/tiny":
            return self._refuse(404, "RepoNotFound")
        if revision != COMMIT:
            return self._refuse(404, "RevisionNotFound")
        path = self.folder / file
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)
        return None

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    lines = pairs("fr", 60)
    Hub.folder = tiny_models.m2m100(tmp_path / "tiny", [*lines.texts, *lines.labels])
    (Hub.folder / "modeling_evil.py").write_text("raise SystemExit('code of a model was run')")
    Hub.requests = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_pinned_model_is_loaded_and_what_is_not_there_is_named(hub: str, tmp_path: Path) -> None:
    wanted = [
        ("acme/tiny", COMMIT),
        ("acme/gated", COMMIT),
        ("acme/missing", COMMIT),
        ("acme/tiny-old", "main"),
    ]
    environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "cache")}
    environment["HF_HUB_DISABLE_XET"] = "1"
    command = [sys.executable, "-c", PROGRAM, json.dumps(wanted)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["acme/tiny"] == "loaded"
    assert said["acme/gated"] == (
        "m: acme/gated is gated; accept its terms on the hub and set HF_TOKEN"
    )
    assert said["acme/missing"] == (
        "m: the hub has no model acme/missing, or it is private (HF_TOKEN opens it)"
    )
    assert "is pinned to a commit" in said["acme/tiny-old"]
    asked = {path.rpartition("/")[2] for path in Hub.requests}
    assert "model.safetensors" in asked
    assert not any(name.endswith((".py", ".bin")) for name in asked)


def test_a_model_that_does_not_fit_says_so(tmp_path: Path) -> None:
    class TooLarge:
        @staticmethod
        def from_pretrained(**_: Any) -> None:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    spec = ModelSpec("huge", "1", "encoder-decoder", {"path": str(tmp_path)})
    with pytest.raises(ProxyLMError, match="huge does not fit into the memory of cuda"):
        load_model(TooLarge, spec, "cuda")
