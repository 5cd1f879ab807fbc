"""Every query of docs/sql.md runs, finds something, and returns the columns that the page names."""

import re

import pytest

from proxylm.landing import write_landing
from tests import boards
from tests.pages import CHECKOUT, blocks, section
from tests.warehouse.builders import evaluated
from warehouse.database import reading, transaction, writing
from warehouse.home import Home
from warehouse.loader import load_landing

PAGE = (CHECKOUT / "docs" / "sql.md").read_text()
QUESTIONS = re.findall(r"^## (.+)$", PAGE, re.M)
MORE = """
INSERT INTO runs BY NAME
    SELECT * REPLACE ('failed' AS run_id, 'failed' AS status, 'no memory' AS reason)
    FROM runs LIMIT 1;
INSERT INTO proposals VALUES
    ('model', 'acme/mt', 'c', 'hub', '{}', 'proposed', NULL, 'no rule fits', now(), NULL);
INSERT INTO settings BY NAME
    SELECT * REPLACE ('bare' AS setting_key, 'isl_Latn' AS target_lang) FROM settings LIMIT 1;
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A warehouse that has an answer to every question of the page."""
    home = Home.create(tmp_path_factory.mktemp("cookbook") / "plm")
    for origin, value in (("measured", 50.0), ("imported", 52.0)):
        made = evaluated("both", "deu_Latn", ("deu_Latn",), value, origin=origin)
        write_landing(made, home.incoming)
    load_landing(home)
    boards.fill(home)
    with writing(home, "test") as connection:
        with transaction(connection):
            connection.execute(MORE)
        boards.publish_snapshot(home, connection)
    return home


def test_the_page_answers_enough_questions() -> None:
    assert 12 <= len(QUESTIONS) == len(set(QUESTIONS)) <= 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_query_returns_what_the_page_says(answers: Home, question: str) -> None:
    text = section(PAGE, question)
    (query,) = (block.text for block in blocks(text) if block.language == "sql")
    (columns,) = re.findall(r"^Columns: (.+?)\.(?:\s|$)", text, re.M | re.S)
    with reading(answers, untrusted=True) as connection:
        found = connection.execute(query)
        assert [column[0] for column in found.description or []] == re.findall(r"`(\w+)`", columns)
        assert found.fetchall()


def test_the_notebook_lines_run(answers: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (lines,) = (block.text for block in blocks(PAGE) if block.language == "python")
    monkeypatch.chdir(answers.path.parent)
    names: dict[str, object] = {}
    exec(lines, names)
    assert len(names["board"])  # type: ignore[arg-type]
