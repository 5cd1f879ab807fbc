"""What is planned: by mode, task, language and limit, and what is given up."""

from pathlib import Path

import pytest

from proxylm.evaluation.contract import Job
from tasks.catalogue import fetch_catalogue
from tasks.evaluate import run_batch
from tasks.load import load
from tasks.plan import TRIES, Wanted, parked, plan
from warehouse.database import reading
from warehouse.home import Home

CATALOGUE = """
corpora:
  - id: one
    task: mt
    train_size: 12
    dev_size: 2
    test_size: 6
    parts:
      - {language: eng_Latn, with_language: spa_Latn, path: corpora/es.tsv}
      - {language: eng_Latn, with_language: fra_Latn, path: corpora/fr.tsv}
  - id: two
    task: mt
    train_size: 12
    test_size: 8
    parts:
      - {language: eng_Latn, with_language: spa_Latn, path: corpora/es.tsv}
models:
  - id: trained
    kind: transformer
    recipe: paper-transformer
    mode: from_scratch
    role: proxy
    tasks: [mt]
  - id: copies
    kind: command
    config: {command: [cat]}
    mode: zero_shot
    role: proxy
    tasks: [mt]
  - id: bytes
    kind: byte-transformer
    config: {layers: 1, width: 32}
    mode: from_scratch
    role: proxy
    tasks: [mt]
"""


@pytest.fixture
def mt_home(home: Home) -> str:
    """Two corpora of Spanish, one of French, and three models of which one cannot translate."""
    for language in ("es", "fr"):
        lines = "".join(f"a line {i}\t{language} line {i}\n" for i in range(20))
        (home.corpora / f"{language}.tsv").write_text(lines)
    (home.catalogue / "mt.yaml").write_text(CATALOGUE)
    fetch_catalogue(str(home.path))
    return str(home.path)


def jobs(home: str, wanted: Wanted | None = None) -> list[Job]:
    return [job for batch in plan(home, wanted).batches for job in batch.jobs]


def names(found: list[Job]) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return sorted(
        (job.model.model_id, job.train.corpus_id if job.train else None, job.test_names)
        for job in found
    )


def test_a_pair_is_trained_once_a_corpus_and_tested_in_every_corpus(mt_home: str) -> None:
    spanish, french = ("one:eng_Latn-spa_Latn", "two:eng_Latn-spa_Latn"), "one:eng_Latn-fra_Latn"
    assert names(jobs(mt_home, Wanted(model="trained"))) == [
        ("trained", "one", (french,)),
        ("trained", "one", spanish),
        ("trained", "two", spanish),
    ]


def test_a_zero_shot_model_is_tested_a_pair_at_a_time(mt_home: str) -> None:
    found = jobs(mt_home, Wanted(model="copies"))
    assert [len(job.tests) for job in found] == [1, 1, 1]
    assert {job.train for job in found} == {None}
    assert len({job.training_key for job in found}) == 1


def test_a_kind_that_does_not_do_the_task_waits(mt_home: str) -> None:
    made = plan(mt_home)
    assert made.waiting == {"bytes": "bytes: a byte-transformer does not do mt; it does intent"}
    assert "bytes" not in {job.model.model_id for batch in made.batches for job in batch.jobs}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("kind: command, inference: {backend: torch}", "odd: a command has no backend torch"),
        ("kind: command, inference: {beams: 5}", "its fields are backend, precision"),
        ("kind: seq2seq", "there is no kind of model seq2seq"),
    ],
)
def test_a_model_that_is_not_well_described_waits_and_the_others_are_planned(
    mt_home: str, entry: str, reason: str
) -> None:
    before = plan(mt_home).wanted
    (Home.find(mt_home).catalogue / "odd.yaml").write_text(
        f"models: [{{id: odd, {entry}, mode: zero_shot, role: proxy, tasks: [mt]}}]"
    )
    made = plan(mt_home)
    assert reason in made.waiting["odd"]
    assert made.wanted == before > 0


def test_languages_and_tasks_narrow_the_plan(mt_home: str) -> None:
    assert len(jobs(mt_home, Wanted(model="copies", target="fra_Latn"))) == 1
    assert jobs(mt_home, Wanted(source="spa_Latn")) == []
    assert jobs(mt_home, Wanted(task="intent")) == []


def test_dev_lines_are_kept_apart_and_are_in_the_key(mt_home: str) -> None:
    with reading(Home.find(mt_home)) as connection:
        rows = connection.execute(
            "SELECT corpus_id, n_train, n_dev, n_test FROM corpora WHERE target_lang = 'spa_Latn' "
            "ORDER BY corpus_id"
        ).fetchall()
    assert rows == [("one", 12, 2, 6), ("two", 12, 0, 8)]
    found = {job.train.fingerprint for job in jobs(mt_home, Wanted(model="trained")) if job.train}
    assert len(found) == 3


def test_a_limit_is_in_the_key_unless_it_takes_all_lines(mt_home: str) -> None:
    limits = {
        job.test_names[0]: job.segment_limit
        for job in jobs(mt_home, Wanted(model="copies", limit=7))
    }
    assert limits == {
        "one:eng_Latn-fra_Latn": None,
        "one:eng_Latn-spa_Latn": None,
        "two:eng_Latn-spa_Latn": 7,
    }
    for batch in plan(mt_home, Wanted(model="copies", limit=7)).batches:
        run_batch(batch, mt_home)
    load(mt_home)
    with reading(Home.find(mt_home)) as connection:
        rows = connection.execute(
            "SELECT test_corpus, segment_limit, n_segments FROM evaluations ORDER BY ALL"
        ).fetchall()
    assert rows == [("one", None, 6), ("one", None, 6), ("two", 7, 7)]
    # The full score is still wanted, the limited one is not.
    assert names(jobs(mt_home, Wanted(model="copies"))) == [
        ("copies", None, ("two:eng_Latn-spa_Latn",))
    ]
    assert jobs(mt_home, Wanted(model="copies", limit=7)) == []


def test_what_fails_again_and_again_is_parked_and_taken_up_when_asked(
    mt_home: str, tmp_path: Path
) -> None:
    switch = tmp_path / "works"
    here = Home.find(mt_home)
    (here.catalogue / "sick.yaml").write_text(
        "models: [{id: sick, kind: command, mode: zero_shot, role: proxy, tasks: [mt], "
        f"config: {{command: [sh, -c, 'test -e {switch} && cat']}}}}]\n"
    )
    wanted = Wanted(model="sick", target="fra_Latn")

    def try_once(asked: Wanted) -> None:
        for batch in plan(mt_home, asked).batches:
            run_batch(batch, mt_home)
        load(mt_home)

    for _ in range(TRIES):
        assert not plan(mt_home, wanted).parked
        assert len(jobs(mt_home, wanted)) == 1
        try_once(wanted)
    made = plan(mt_home, wanted)
    assert made.batches == []
    assert made.missing == 1
    assert made.parked == {"sick one:eng_Latn-fra_Latn": "sh ended with 1: no output"}
    # Another language of the same model is no worse for it.
    assert len(jobs(mt_home, Wanted(model="sick"))) == 2
    with reading(here) as connection:
        assert [found.model_id for found in parked(connection)] == ["sick"]

    switch.touch()
    try_once(Wanted(model="sick", target="fra_Latn", parked=True))
    made = plan(mt_home, wanted)
    assert (made.missing, made.parked) == (0, {})


def test_a_recipe_by_name_is_taken_from_the_package(mt_home: str) -> None:
    (job, *_) = jobs(mt_home, Wanted(model="trained"))
    assert job.recipe["name"] == "paper-transformer"
    assert job.recipe["patience"] == 6
