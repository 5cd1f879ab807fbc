"""What is shipped for other machines agrees with the code: pools, variables, users, folders."""

import re
import tomllib
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
