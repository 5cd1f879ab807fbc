"""Utterances generated from Home Assistant's sentence templates."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from proxylm import home_assistant
from proxylm.errors import InputError
from proxylm.home_assistant import LANGUAGES, SHARED_INTENTS, generate, provenance
from proxylm.identity import corpus_fingerprint

pytest.importorskip("hassil")
pytest.importorskip("home_assistant_intents")


def fingerprint(language: str, n: int, seed: int) -> str:
    rows = generate(language, n, seed)
    return corpus_fingerprint(list(zip(rows.texts, rows.labels, strict=True)))


def test_the_same_utterances_come_out_in_another_process() -> None:
    code = (
        "from proxylm.home_assistant import generate; from proxylm.identity import *; "
        "r = generate('ell_Grek', 90, 7); print(corpus_fingerprint(list(zip(r.texts, r.labels))))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "123"},
    )
    assert other.stdout.strip() == fingerprint("ell_Grek", 90, 7)
    assert fingerprint("ell_Grek", 90, 8) != fingerprint("ell_Grek", 90, 7)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_gives_distinct_utterances_of_nearly_all_intents(language: str) -> None:
    rows = generate(language, 60, 1)
    assert len(set(rows.texts)) == len(rows) == 60
    assert set(rows.labels) <= set(SHARED_INTENTS)
    assert len(set(rows.labels)) >= 26
    assert not [text for text in rows.texts if set(text) & set("<>{}[]|_") or text != text.strip()]


def test_the_labels_are_nearly_balanced() -> None:
    counts = Counter(generate("swe_Latn", 450, 1).labels)
    assert len(counts) == 30
    assert max(counts.values()) <= 2 * 450 / 30


def test_a_language_without_templates_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(InputError, match=r"no language yor_Latn.*deu_Latn"):
        generate("yor_Latn", 10, 1)


def test_more_utterances_than_the_templates_hold_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(home_assistant, "SHARED_INTENTS", ("HassNevermind",))
    with pytest.raises(InputError, match=r"only \d+ distinct utterances in eng_Latn; 500"):
        generate("eng_Latn", 500, 1)


def test_without_the_demo_extra_the_way_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hassil", None)
    with pytest.raises(InputError, match=r"pip install 'proxylm-ops\[demo\]'"):
        generate("eng_Latn", 10, 1)


def test_licence_and_package_versions_are_recorded() -> None:
    recorded = provenance("eng_Latn", 450, 1)
    assert recorded["licence"] == "Apache-2.0"
    assert recorded["home-assistant-intents"].startswith("20")
    assert set(recorded) >= {"hassil", "generator", "seed", "utterances", "language"}
