"""What doctor finds wrong, each with its remedy."""

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.doctor import Finding, check
from cli.doctor_prefect import FLOWS, check_prefect
from proxylm.landing import write_landing
from tests.warehouse.builders import evaluated
from warehouse.backup import back_up
from warehouse.database import writing
from warehouse.home import Home
from warehouse.loader import load_landing
from warehouse.lock import locked
from warehouse.snapshot import publish_snapshot


def found(home: Home) -> dict[str, Finding]:
    return {finding.check: finding for finding in check(home.path)}


def test_old_scores_without_a_backup_drift_and_late_files_are_found(home: Home) -> None:
    write_landing(evaluated(), home.incoming)
    load_landing(home)
    well = found(home)
    assert all(well[name].ok for name in ("backup", "drift", "files to load", "lock", "duckdb"))
    with writing(home, "test") as connection:
        connection.execute("UPDATE scores SET loaded_at = loaded_at - INTERVAL 3 DAY")
        connection.execute(
            "INSERT INTO drift_checks VALUES "
            "('intent', 'accuracy', 'm', 'fine_tuned', '*', 9, 0.5, 40, 20, true, now(), now())"
        )
        publish_snapshot(home, connection)
    waiting = write_landing(evaluated("later"), home.incoming)
    os.utime(waiting, (time.time() - 2 * 86_400,) * 2)
    ill = found(home)
    assert {n for n in ("backup", "drift", "files to load") if not ill[n].ok} == {
        "backup",
        "drift",
        "files to load",
    }
    assert all(finding.remedy for finding in ill.values() if not finding.ok)
    back_up(home)
    assert found(home)["backup"].ok


def test_a_holder_of_the_lock_is_named_and_not_waited_for(home: Home) -> None:
    begun = time.monotonic()
    with locked(home, "a long load"):
        held = found(home)
    assert "a long load" in held["lock"].found
    assert "warehouse" not in held
    assert time.monotonic() - begun < 60
    home.lock.write_text(json.dumps({"pid": 1, "host": "h", "purpose": "load", "since": "then"}))
    assert "did not come to its end" in found(home)["lock"].found


class Server(BaseHTTPRequestHandler):
    """Answers as a Prefect server does."""

    answers: dict[str, Any]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers.get("Authorization") == "Basic YWRtaW46cGFzcw=="
        self.send_response(200 if allowed else 401)
        self.end_headers()
        if allowed:
            self.wfile.write(json.dumps(self.answers[self.path]).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.answers = {
        "/api/work_pools/filter": [
            {"name": "plm", "status": "READY", "is_paused": False},
            {"name": "gpu", "status": "NOT_READY", "is_paused": False},
        ],
        "/api/deployments/filter": [
            {"entrypoint": f"flows/{n}.py:{n}", "paused": False, "schedules": [{"active": True}]}
            for n in FLOWS
        ],
        "/api/flow_runs/filter": [],
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/api"
        served.shutdown()


def asked(url: str, secret: str = "admin:pass") -> dict[str, tuple[bool, str]]:
    environment = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": secret}
    return {name: (well, said) for name, well, said, _ in check_prefect(environment)}


def test_a_server_in_order(server: str) -> None:
    assert all(well for well, _ in asked(server).values())


def test_what_is_wrong_on_a_server(server: str) -> None:
    Server.answers["/api/work_pools/filter"] = [{"name": "plm", "is_paused": True}]
    Server.answers["/api/deployments/filter"] = [
        {"entrypoint": "flows/refresh.py:refresh", "paused": True, "schedules": [{"active": True}]},
        {"entrypoint": None},
    ]
    Server.answers["/api/flow_runs/filter"] = [{}, {}]
    ill = {name: said for name, (well, said) in asked(server).items() if not well}
    assert ill == {
        "pool plm": "paused",
        "pool gpu": "does not exist",
        "deployments": "absent: catalogue, evaluate, retrain, publish, maintain",
        "schedule of refresh": "none active",
        "late runs": "2",
    }


def test_a_server_that_refuses_or_is_not_there(server: str) -> None:
    assert asked(server, "admin:wrong")["Prefect API"] == (False, f"{server}: 401")
    assert not asked("http://127.0.0.1:1/api")["Prefect API"][0]
    (remedy,) = [f[3] for f in check_prefect({"PREFECT_API_URL": server}) if f[0] == "Prefect API"]
    assert "PREFECT_API_AUTH_STRING" in remedy


def test_a_server_elsewhere_wants_an_auth_string() -> None:
    (first, *_) = check_prefect({"PREFECT_API_URL": "http://10.255.255.1.invalid/api"})
    assert first[:2] == ("Prefect access", False)
