"""What is wrong with a text is found, told with its place, and good text passes."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.checks import Declared, Finding, Side, check_corpus
from proxylm.checks.findings import shown
from proxylm.corpora import split_rows
from proxylm.home_assistant import generate, generate_slots
from proxylm.readers import Row
from tests.django_text import pairs

LICENSED = Declared("mt", "swh_Latn", "eng_Latn", "BSD-3-Clause")


def rows(texts: Sequence[str], labels: Sequence[str] | None = None) -> list[Row]:
    labels = labels or ["greet"] * len(texts)
    return [Row(a, b, f"line {i}") for i, (a, b) in enumerate(zip(texts, labels, strict=True), 1)]


def check(
    text: list[Row],
    declared: Declared,
    others: Sequence[Side] = (),
    sizes: tuple[int, int] = (4, 2),
) -> list[Finding]:
    return check_corpus(text, split_rows(text, *sizes), declared, others)


def serious(found: list[Finding]) -> dict[str, str]:
    """Checks that found an error or a warning."""
    return {x.check: x.level for x in found if x.level != "note"}


def real(locale: str = "sw", n: int = 200) -> list[Row]:
    both = pairs(locale, n)
    kept = [pair for pair in zip(both.labels, both.texts, strict=True) if pair[0]]
    return rows([a for a, _ in kept], [b for _, b in kept])


@pytest.mark.parametrize(
    ("locale", "language"),
    [("sw", "swh_Latn"), ("km", "khm_Khmr"), ("ar", "arb_Arab"), ("zh_Hans", "zho_Hans"),
     ("ja", "jpn_Jpan"), ("hi", "hin_Deva"), ("uk", "ukr_Cyrl"), ("el", "ell_Grek"),
     ("ta", "tam_Taml"), ("hy", "hye_Armn"), ("os", "oss_Cyrl"), ("hsb", "hsb_Latn")],
)  # fmt: skip
def test_real_translations_in_many_scripts_have_no_errors(locale: str, language: str) -> None:
    found = check(real(locale), LICENSED._replace(language=language), sizes=(40, 20))
    assert "error" not in serious(found).values()
    assert any(x.check == "size" for x in found)


def test_generated_intents_and_slots_have_no_errors() -> None:
    pytest.importorskip("hassil")
    for task, made in (("intent", generate), ("slot", generate_slots)):
        for language in ("deu_Latn", "rus_Cyrl"):
            text = made(language, 100, 1)
            found = check(rows(text.texts, text.labels), Declared(task, language, licence="x"))
            assert "error" not in serious(found).values()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("fin_Latn", {"language": "error"}),  # 200 lines of another language
        ("rus_Cyrl", {"language": "error", "script": "error"}),
        ("nij_Latn", {}),  # the model does not know Ngaju
    ],
)
def test_english_under_another_name_is_found(language: str, expected: dict[str, str]) -> None:
    text = rows(pairs("sw", 200).texts)
    found = check(text, Declared("intent", language, licence="x"))
    errors = {name: level for name, level in serious(found).items() if level == "error"}
    assert errors == expected
    opinion = next(x for x in found if x.check == "language")
    assert "seems to be English" in opinion.message


def test_a_user_may_allow_an_error_and_is_told_how() -> None:
    text = rows(pairs("sw", 200).texts)
    declared = Declared("intent", "fin_Latn", licence="x")
    (error,) = [x for x in check(text, declared) if x.level == "error"]
    assert error.way_on.endswith("if it is right, say --allow language")
    allowed = check(text, declared._replace(allowed=("language", "empty")))
    assert serious(allowed)["language"] == "warning"
    blank = check(rows(["a", "b", ""]), declared._replace(allowed=("language", "empty")))
    assert serious(blank)["empty"] == "error"


BAD = {
    "empty": ([""], "1 of 61 rows: the text is blank"),
    "html": (["<p>habari</p>", "a&nbsp;b"] * 10, "hold HTML tags or entities"),
    "control": (["haba\x07ri"] * 8, "hold control characters"),
    "encoding": (["habari \ufffd"] * 5, "hold the replacement character"),
    "long": (["habari " * 4_000], "have more than 20,000 letters"),
    "script": (["привет как дела"] * 70, "in another script than that of swh_Latn"),
}


@pytest.mark.parametrize("name", BAD)
def test_text_that_nobody_should_use_is_an_error_with_its_place(name: str) -> None:
    bad, message = BAD[name]
    text = real(n=61)[:60]
    text += [row._replace(place=f"line {61 + i}") for i, row in enumerate(rows(bad, bad))]
    found = next(x for x in check(text, LICENSED) if x.check == name)
    assert found.level == "error"
    assert message in found.message
    assert found.places[0] == "line 61"
    assert found.n_rows == len(bad)
    assert found.way_on


def test_text_read_with_a_wrong_encoding_is_noticed() -> None:
    texts = [text.encode().decode("cp1252", "replace") for text in pairs("fr", 60).labels]
    assert serious(check(rows(texts), Declared("intent", "fra_Latn", licence="x")))["encoding"]
    right = rows(pairs("fr", 60).labels)
    assert "encoding" not in serious(check(right, Declared("intent", "fra_Latn", licence="x")))


def test_untranslated_text_is_an_error_and_a_few_names_are_a_warning() -> None:
    english = pairs("sw", 60).texts
    found = check(rows(english, english), LICENSED._replace(language="eng_Latn"))
    assert serious(found)["identical"] == "error"
    few = [*real(n=60), Row("Django", "Django", "line 61")]
    assert serious(check(few, LICENSED))["identical"] == "warning"


def test_labels_and_tags_that_do_not_fit_are_errors() -> None:
    known = Declared("intent", "swh_Latn", licence="x", known_labels=("greet", "leave"))
    (error,) = [
        x for x in check(rows(["a", "b"], ["greet", "greeet"]), known) if x.level == "error"
    ]
    assert error.message.startswith("line 2: label 'greeet' is in no other language")
    assert "did you mean greet?" in error.message
    slots = Declared("slot", "swh_Latn", licence="x", known_labels=("O", "B-time"))
    text = rows(["amka saa tatu", "amka sasa"], ["O B-time", "O B-time"])
    (error,) = [x for x in check(text, slots) if x.level == "error"]
    assert (error.check, error.places) == ("tags", ("line 1",))


@pytest.mark.parametrize(
    ("licence", "level"), [(None, "error"), ("unknown", "warning"), ("MIT", None)]
)
def test_a_licence_must_be_named(licence: str | None, level: str | None) -> None:
    found = serious(check(real(n=60), LICENSED._replace(licence=licence)))
    assert found.get("licence") == level


def test_repeated_and_contradicting_rows_are_counted() -> None:
    text = rows(["a", "a", "a", "b"], ["greet", "greet", "leave", "greet"])
    messages = [
        x.message
        for x in check(text, Declared("intent", "swh_Latn", licence="x"))
        if x.check == "duplicates"
    ]
    assert messages[0].startswith("1 rows have the text of an earlier one and another label")
    assert messages[1].startswith("1 of 4 rows repeat an earlier one")


def test_test_texts_that_are_nearly_in_training_or_in_other_corpora_are_reported() -> None:
    texts = pairs("fi", 120).labels
    kept, elsewhere = texts[:80], texts[80:]
    train = [Row(text, "x", "", "train") for text in kept]
    test = [Row(f"{text.upper()} ", "x", "", "test") for text in kept[:3]]
    test += [Row(text, "x", "", "test") for text in elsewhere[:20]]
    split = split_rows([*train, *test], len(kept), len(test))
    declared = Declared("intent", "fin_Latn", licence="x")
    others = [
        Side("old (fin_Latn)", "fin_Latn", elsewhere[:5], kept[:7]),
        Side("english", "eng_Latn", elsewhere, kept),
    ]
    found = {x.check: x for x in check_corpus([*train, *test], split, declared, others[1:])}
    near = found["near_duplicates"]
    assert 3 <= near.n_rows < 15
    assert near.places[0].startswith("test ")
    assert "contamination" not in found
    here, there = (
        x
        for x in check_corpus([*train, *test], split, declared, others)
        if x.check == "contamination"
    )
    assert here.n_rows >= 5
    assert "nearly in train of old (fin_Latn)" in here.message
    assert there.n_rows >= 7
    assert "7 test texts of old (fin_Latn)" in there.message


def test_a_line_of_10_megabytes_takes_no_time_and_is_not_shown() -> None:
    text = [*real(n=60), Row("<a&b" * 2_500_000, "x", "line 61")]
    start = time.process_time()
    found = check(text, LICENSED)
    assert time.process_time() - start < 10
    assert serious(found)["long"] == "error"
    assert all(len(example) < 300 for x in found for example in x.examples)


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_what_is_shown_is_printable_and_short(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 810
    assert shown("\x1b[31m\u202e") == "\\x1b[31m\\u202e"
