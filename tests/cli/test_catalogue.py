"""add-language, add-model and list."""

from pathlib import Path

import pytest
import yaml

from tasks.catalogue import fetch_catalogue
from tests.cli.conftest import Run
from warehouse.home import Home

CORPUS = """
corpora:
  - {id: chat, task: intent, train_size: 4, test_size: 2, licence: CC0-1.0}
"""


@pytest.fixture
def chat(home: Home) -> Home:
    """A home with one intent corpus, without any language yet."""
    (home.catalogue / "chat.yaml").write_text(CORPUS)
    return home


def write(tmp_path: Path, lines: list[str], name: str = "text.tsv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_language_is_kept_with_its_text_and_planned(plm: Run, chat: Home, tmp_path: Path) -> None:
    text = write(tmp_path, [f"sentence {i}\tgreet" for i in range(8)])
    result = plm("add-language", "sw", "--text", text)
    assert result.code == 0
    assert "added swh_Latn (Swahili) (script assumed" in result.out
    text.unlink()  # the home has its own copy
    plan = plm("plan", "--json").json
    assert plan["waiting"] == {"chat": "no model in the catalogue evaluates intent"}
    languages = plm("list", "languages", "--json").json
    assert [row["language"] for row in languages] == ["swh_Latn"]
    (corpus,) = plm("list", "corpora", "--json").json
    assert (corpus["n_train"], corpus["n_test"]) == (4, 2)


def test_few_lines_are_for_testing_only_and_the_user_is_told(
    plm: Run, chat: Home, tmp_path: Path
) -> None:
    text = write(tmp_path, ["habari\tgreet", "kwaheri\tleave"])
    assert "tested on it, not trained" in plm("add-language", "swh_Latn", "--text", text).out


def test_a_pair_of_languages_is_registered_for_mt(plm: Run, home: Home, tmp_path: Path) -> None:
    source = write(tmp_path, ["habari", "asante"], "a.txt")
    target = write(tmp_path, ["hello", "thanks"], "b.txt")
    options = ["--text", source, "--aligned", target, "--task", "mt", "--with", "eng_Latn"]
    options += ["--licence", "unknown"]
    assert plm("add-language", "swh_Latn", *options, "--corpus", "mine").code == 0
    plan = plm("plan", "--json").json
    assert plan["waiting"] == {"mine": "no model in the catalogue evaluates mt"}
    (corpus,) = plm("list", "corpora", "--json").json
    assert (corpus["source_lang"], corpus["target_lang"]) == ("swh_Latn", "eng_Latn")


@pytest.mark.parametrize(
    ("language", "lines", "options", "message"),
    [
        ("swahilii", ["a\tb"], [], "unknown language"),
        ("swh_Latn", ["no tab here"], [], "line 1"),
        ("swh_Latn", [""], [], "empty"),
        ("swh_Latn", ["a\tb"], ["--task", "mt"], "--with names the other language"),
        ("swh_Latn", ["a\tb"], ["--task", "slot"], "name the corpus with --corpus"),
        ("swh_Latn", ["a\tb"], ["--corpus", "../x"], "corpus '../x'"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_added(
    plm: Run,
    chat: Home,
    tmp_path: Path,
    language: str,
    lines: list[str],
    options: list[str],
    message: str,
) -> None:
    result = plm("add-language", language, "--text", write(tmp_path, lines), *options)
    assert result.code in (1, 2)
    assert message in result.err
    assert not (chat.catalogue / "local.yaml").exists()
    assert list(chat.corpora.iterdir()) == []


def test_unequal_line_counts_name_both_files_and_counts(
    plm: Run, chat: Home, tmp_path: Path
) -> None:
    one, two = write(tmp_path, ["a", "b"], "a.txt"), write(tmp_path, ["x"], "b.txt")
    result = plm("add-language", "swh_Latn", "--text", one, "--aligned", two)
    assert result.code == 1
    assert f"{one} has 2 lines and {two} has 1" in result.err


def test_a_language_is_added_once(plm: Run, chat: Home, tmp_path: Path) -> None:
    text = write(tmp_path, ["a\tb"])
    assert plm("add-language", "swh_Latn", "--text", text).code == 0
    again = plm("add-language", "sw", "--text", write(tmp_path, ["c\tb"]))
    assert again.code == 1
    assert "has swh_Latn already" in again.err
    assert (chat.corpora / "chat" / "swh_Latn.tsv").read_text() == "a\tb\n"


def test_a_label_that_no_other_language_has_is_refused(
    plm: Run, chat: Home, tmp_path: Path
) -> None:
    plm("add-language", "fra_Latn", "--text", write(tmp_path, ["bonjour\tgreet"]))
    plm("plan")  # fetches the text
    result = plm("add-language", "swh_Latn", "--text", write(tmp_path, ["habari\tgreeet"]))
    assert result.code == 1
    assert "line 1: label 'greeet'" in result.err
    assert "did you mean greet?" in result.err


def test_a_model_is_written_to_the_catalogue(plm: Run, chat: Home) -> None:
    options = ["--kind", "byte-transformer", "--role", "proxy", "--config", "layers=1"]
    result = plm("add-model", "transformer-1x32", *options, "--config", "width=32")
    assert result.code == 0
    (model,) = yaml.safe_load((chat.catalogue / "local.yaml").read_text())["models"]
    assert (model["id"], model["config"]) == ("transformer-1x32", {"layers": 1, "width": 32})
    again = plm("add-model", "transformer-1x32", *options)
    assert "is in the catalogue already" in again.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "byte-transfomer", "--role", "proxy"], "did you mean byte-transformer"),
        (["--kind", "byte-transformer", "--role", "judge"], "role"),
        (["--kind", "byte-transformer", "--role", "proxy", "--task", "x"], "tasks"),
        (["--kind", "byte-transformer", "--role", "proxy", "--config", "x"], "not name=value"),
    ],
)
def test_a_model_that_makes_no_sense_is_refused(
    plm: Run, home: Home, options: list[str], message: str
) -> None:
    result = plm("add-model", "m", *options)
    assert result.code == 2
    assert message in result.err
    assert not (home.catalogue / "local.yaml").exists()


def test_a_catalogue_file_that_is_wrong_is_named_with_its_entry(plm: Run, home: Home) -> None:
    path = home.catalogue / "mine.yaml"
    path.write_text("models:\n  - {id: m, kind: k, role: proxy, tasks: [intent]}\n")
    result = plm("plan")
    assert result.code == 1
    assert f"{path}: models.0.mode: Field required" in result.err
    path.write_text("models: [")
    assert "not readable as YAML" in plm("plan").err


def test_a_model_that_is_not_run_here_has_its_scores_imported(
    plm: Run, chat: Home, tmp_path: Path
) -> None:
    plm("add-language", "swh_Latn", "--text", write(tmp_path, [f"l{i}\tx" for i in range(6)]))
    plm("add-model", "small", "--kind", "byte-transformer", "--role", "proxy")
    added = plm("add-model", "api", "--kind", "imported", "--role", "estimated")
    assert added.out == "added api; next: plm-admin import-scores FILE\n"
    fetch_catalogue(str(chat.path))
    assert plm("plan", "--json").json["wanted"] == 1
    said = plm("evaluate", "--model", "api")
    assert "api: waiting, its scores are imported" in said.out + said.err
    scores = tmp_path / "scores.csv"
    scores.write_text(
        "task,model,mode,source_lang,target_lang,train_corpus,test_corpus,metric,value\n"
        "intent,api,fine_tuned,sw,sw,chat,chat,accuracy,61.5\n"
    )
    assert "1 loaded" in plm("import-scores", scores).out
    assert plm("plan", "--json").json["wanted"] == 1
