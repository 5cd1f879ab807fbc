"""What is shipped for other machines agrees with the code: pools, variables, users, folders."""

import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments import serve, set_up

CHECKOUT = Path(__file__).resolve().parents[1]
DEPLOYMENTS = CHECKOUT / "deployments"
PODS: dict[str, dict[str, Any]] = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"]
    for each in yaml.safe_load_all((DEPLOYMENTS / "kubernetes/proxylm.yaml").read_text())
    if each["kind"] in ("Deployment", "StatefulSet")
}
COMPOSE = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())


def pool(command: list[str]) -> str:
    return command[command.index("--pool") + 1]


def test_each_pool_has_a_worker_everywhere() -> None:
    assert {n for n in PODS if n != "server"} == set(set_up.POOLS) == set(serve.POOLS)
    for name in set_up.POOLS:
        (container,) = PODS[name]["containers"]
        assert pool(container["command"]) == name
        assert pool(COMPOSE["services"][name]["command"]) == name
    unit = (DEPLOYMENTS / "systemd" / "proxylm-worker@.service").read_text()
    assert "--pool %i" in unit


@pytest.mark.parametrize("name", sorted(PODS))
def test_no_pod_runs_as_root_or_gains_rights(name: str) -> None:
    assert PODS[name]["securityContext"]["runAsNonRoot"] is True
    for container in PODS[name]["containers"] + PODS[name].get("initContainers", []):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_there_is_one_owner_of_the_warehouse_and_workers_have_no_home() -> None:
    volumes = {name: str(service.get("volumes")) for name, service in COMPOSE["services"].items()}
    assert "/plm" in volumes["plm"]
    assert "/plm" not in volumes["gpu"]
    assert "/plm" not in str(PODS["gpu"])


def test_the_settings_name_variables_that_exist() -> None:
    text = (DEPLOYMENTS / "settings.env").read_text()
    names = set(re.findall(r"^#?((?:PLM|PREFECT)_\w+)=", text, re.MULTILINE))
    documented = (CHECKOUT / "docs" / "architecture.md").read_text()
    assert {n for n in names if n.startswith("PLM_")} <= set(re.findall(r"PLM_\w+", documented))
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    assert {n for n in names if n.startswith("PREFECT_")} <= _get_valid_setting_names(Settings)


def test_the_image_has_every_package_and_a_user_of_its_own() -> None:
    lines = (CHECKOUT / "Containerfile").read_text().splitlines()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    for package in (each.rstrip("*") for each in packages):
        assert f"COPY {package} {package}" in lines
        assert f"!{package}" in (CHECKOUT / ".containerignore").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users == ["10001"]
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert {base.rpartition(":")[2] for base in bases} == {"3.11-slim"}


class Refusing(BaseHTTPRequestHandler):
    """A server with an auth string that nobody knows."""

    def do_POST(self) -> None:
        self.send_response(401)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def set_up_at(port: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    url = {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_HOME": str(folder)}
    return subprocess.run(
        [sys.executable, str(DEPLOYMENTS / "set_up.py")],
        env={**os.environ, **url},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_server_that_refuses_or_is_not_there_is_named_with_the_way_on(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        refused = set_up_at(server.server_port, tmp_path)
        server.shutdown()
    absent = set_up_at(server.server_port, tmp_path)
    assert refused.returncode == absent.returncode == 1
    assert refused.stderr.endswith("answers 401; set PREFECT_API_AUTH_STRING to the server's\n")
    assert "does not answer" in absent.stderr
    assert "Traceback" not in refused.stderr + absent.stderr
