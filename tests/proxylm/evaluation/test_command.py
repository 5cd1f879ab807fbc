"""A translator that is another program: real programs of every machine, and Apertium."""

import shutil
import sys
import time
from typing import Any

import pytest

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.command import prepare
from proxylm.evaluation.contract import Inference, ModelSpec, Query

TEXTS = ("one house", "two\nhouses", "three  blue houses")


def run(config: dict[str, Any], texts: tuple[str, ...] = TEXTS) -> list[str]:
    model = prepare(ModelSpec("m", "1", "command", config), "cpu")
    how = Inference("command", "unknown")
    query = Query("mt", texts, "eng_Latn", "spa_Latn", (), how)
    return model.untrained({}).answer(query).hypotheses


def test_a_line_goes_in_and_a_line_comes_out() -> None:
    assert run({"command": ["tr", "a-z", "A-Z"]}) == [
        "ONE HOUSE",
        "TWO HOUSES",
        "THREE BLUE HOUSES",
    ]


def test_the_languages_are_put_into_the_words() -> None:
    show = [sys.executable, "-c", "import sys\nfor _ in sys.stdin: print(sys.argv[1])"]
    codes = {"eng_Latn": "en", "spa_Latn": "es"}
    assert run({"command": [*show, "{source}-{target}"], "codes": codes}) == ["en-es"] * 3
    assert run({"command": [*show, "{target}"]}) == ["spa_Latn"] * 3
    with pytest.raises(InputError, match="knows no spa_Latn: its codes are eng_Latn"):
        run({"command": [*show, "{target}"], "codes": {"eng_Latn": "en"}})


def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    begun = time.monotonic()
    with pytest.raises(ProxyLMError, match=r"sh was stopped after 0\.3 s"):
        run({"command": ["sh", "-c", "sleep 60 | sleep 60"], "seconds": 0.3})
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sh", "-c", "cat > /dev/null; echo no dictionary >&2; exit 3"], "3: no dictionary"),
        (["sh", "-c", "kill -SEGV $$"], "sh ended with -11"),
        (["head", "-1"], "head gave 1 lines for 3 sentences"),
        (["printf", "\\351\\n\\351\\n\\351\\n"], "not UTF-8"),
    ],
)
def test_a_program_that_fails_says_how(command: list[str], message: str) -> None:
    with pytest.raises(ProxyLMError, match=message):
        run({"command": command})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "needs `command`, a list of words"),
        ({"command": "cat"}, "needs `command`, a list of words"),
        ({"command": ["no-such-program"]}, "there is no program no-such-program"),
        ({"command": ["cat"], "limit": 3}, "has limit; a command has command, codes and seconds"),
    ],
)
def test_a_bad_config_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(config)


@pytest.mark.skipif(
    shutil.which("apertium") is None, reason="needs Debian's apertium and apertium-eng-spa"
)
def test_apertium_translates() -> None:
    found = run({"command": ["apertium", "-u", "eng-spa"]}, ("The house is big.", "I see a dog."))
    assert "casa" in found[0]
    assert "perro" in found[1]
