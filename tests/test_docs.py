"""The documentation is held against the code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import jsonschema
import pytest
import yaml

from cli.main import app
from proxylm.sources.facts import Unusable
from proxylm.sources.feed import read_feed
from proxylm.sources.policy import Policy
from warehouse.database import reading
from warehouse.home import Home

CHECKOUT = Path(__file__).resolve().parent.parent
README = (CHECKOUT / "README.md").read_text()
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]


def code_of(page: Path) -> str:
    """The blocks and the spans of code of a page, one a line."""
    return "\n".join(re.findall(r"^```.*?^```|`[^`]+`", page.read_text(), re.M | re.S))


def commands() -> set[str]:
    from typer.main import get_command

    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_generated_pages_are_up_to_date() -> None:
    subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], check=True, cwd=CHECKOUT, timeout=120
    )


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_has_help(command: str) -> None:
    from typer.main import get_command

    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    assert found.help
    for parameter in found.params:
        assert parameter.name == "help" or parameter.help, f"{command} {parameter.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_pages_name_only_commands_and_options_that_exist(page: Path) -> None:
    from typer.main import get_command

    found = get_command(app).commands  # type: ignore[attr-defined]
    for typed in re.findall(r"(?:^|[`$ ])plm-admin ([a-z][^`\n]*)", code_of(page), re.M):
        words = re.split(r"[\s,#]+", typed)
        assert words[0] in found, typed
        options = {name for p in found[words[0]].params for name in (*p.opts, *p.secondary_opts)}
        for word in words[1:]:
            if word == "plm-admin" or word.startswith(("|", ";", "&")):
                break
            if word.startswith("--"):
                assert word.split("=")[0].rstrip(".") in options, typed


def test_the_page_on_predictors_names_every_regressor_and_protocol() -> None:
    from proxylm.predictor.protocols import PROTOCOLS
    from proxylm.predictor.regressors import REGRESSORS

    page = (CHECKOUT / "docs" / "predictor.md").read_text()
    rows = "".join(re.findall(r"^\| `.*?\|", page, re.M))
    named = set(re.findall(r"`([^`]+)`", rows))
    assert named == {*REGRESSORS, *(re.sub(r"_\d+$", "", name) for name in PROTOCOLS)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_pages_name_only_make_targets_that_exist(page: Path) -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", code_of(page), re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_sql_example_of_the_readme_runs(home: Home) -> None:
    examples = re.findall(r"```sql\n(.*?)```", README, re.S)
    assert len(examples) >= 3
    with reading(home, untrusted=True) as connection:
        for query in examples:
            try:
                connection.execute(query)
            except duckdb.Error as error:
                pytest.fail(f"{query}\n{error}")


def test_the_examples_of_the_catalogue_page_are_valid() -> None:
    page = (CHECKOUT / "docs" / "catalogue.md").read_text()
    (policy,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    assert len(Policy.model_validate(yaml.safe_load(policy)).sources) == 4
    (feed,) = re.findall(r"```json\n(.*?)```", page, re.S)
    assert not [x for x in read_feed(json.loads(feed)) if isinstance(x, Unusable)]
    schema = json.loads((CHECKOUT / "docs" / "feed.schema.json").read_text())
    jsonschema.validate(json.loads(feed), schema)


def test_the_import_directions_are_those_of_the_architecture_page() -> None:
    page = (CHECKOUT / "docs" / "architecture.md").read_text()
    for folder in ("proxylm", "warehouse", "tasks", "flows", "cli"):
        assert f"`{folder}/`" in page


def test_constraints_pin_what_the_project_needs() -> None:
    pins = (CHECKOUT / "constraints.txt").read_text()
    for name in ("prefect==3.8.8", "torch==2.13.0", "duckdb==1.5.", "lang2vec==1.1.2"):
        assert f"\n{name}" in f"\n{pins}"


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in (CHECKOUT / ".ci" / "run").read_text()
    assert "make test" in README


def test_the_workflow_files_are_yaml() -> None:
    for name in ("prefect.yaml", ".pre-commit-config.yaml"):
        assert yaml.safe_load((CHECKOUT / name).read_text())


def test_the_pages_build_as_a_site_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "properdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    front = (tmp_path / "index.html").read_text()
    assert "make demo" in front
    assert 'href="https://fonts' not in front
    assert (tmp_path / "pictures" / "board.webp").exists()
    assert "0001-landing-files" in (tmp_path / "decisions" / "index.html").read_text()
