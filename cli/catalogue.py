"""Commands on the catalogue: add languages and models, and list what is known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_task
from cli.options import HomeOption, JsonOption, print_rows
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from proxylm.catalogue import Catalogue, CorpusEntry

LISTS = {
    "languages": "SELECT language, name, script, script_assumed, source FROM languages",
    "models": "SELECT model_id, revision, architecture, n_parameters, proxy_modes, "
    "estimated_modes, source FROM models",
    "corpora": "SELECT corpus_id, source_lang, target_lang, task, n_train, n_test, licence, "
    "source FROM corpora",
    "proposals": "SELECT id, what, status, reason, source, revision FROM proposals",
    "fetches": "SELECT started_at, source, status, http_status, retries, n_found, error, url "
    "FROM fetches",
    "settings": "SELECT task, source_lang, target_lang, train_corpus, train_size, test_corpus "
    "FROM settings",
}


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("add-language")(add_language)
    app.command("add-model")(add_model)
    app.command("list")(list_known)


def add_language(
    language: Annotated[str, typer.Argument(help="Code or name, for example swh_Latn or sw.")],
    text: Annotated[
        Path, typer.Option(help="UTF-8 text: utterance<TAB>intent a line; mt: source<TAB>target.")
    ],
    aligned: Annotated[
        Path | None,
        typer.Option(help="The second column as a file of its own, line by line with --text."),
    ] = None,
    task: Annotated[str, typer.Option(help="mt, intent or slot.")] = "intent",
    corpus: Annotated[
        str | None,
        typer.Option(help="Corpus to add it to. Default: the catalogue's only one of the task."),
    ] = None,
    with_language: Annotated[
        str | None, typer.Option("--with", help="mt: language of the second column.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the text.")] = None,
    home: HomeOption = None,
) -> None:
    """Register a language and its text.

    The next refresh evaluates and predicts it.
    """
    from proxylm.catalogue import PartEntry, add_part, read_catalogue, refuse_double
    from proxylm.corpora import read_labelled
    from proxylm.landing import write_atomically
    from proxylm.languages import resolve
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    found = resolve(language)
    other = resolve(with_language) if with_language else None
    if (other is not None) != (task == "mt"):
        raise UsageError("--with names the other language of mt; give it for mt and only there")
    rows = read_labelled(text, aligned)
    catalogue = read_catalogue(here.catalogue)
    entry = _corpus(catalogue, task, corpus, licence, len(rows.texts))
    if task != "mt":
        _check_labels(here.corpora, entry, rows.labels, text)
    name = "-".join(filter(None, (found.code, other and other.code)))
    kept = here.corpora / entry.id / f"{name}.tsv"
    part = PartEntry(
        language=found.code,
        with_language=other and other.code,
        reader="file",
        path=str(kept.relative_to(here.path)),
    )
    refuse_double(text, entry.model_copy(update={"parts": (*entry.parts, part)}))
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{a}\t{b}\n" for a, b in zip(rows.texts, rows.labels, strict=True))
    write_atomically(kept, "".join(lines).encode())
    add_part(here.catalogue, entry, part)
    assumed = f" (script assumed; give {found.code} to be explicit)" if found.script_assumed else ""
    typer.echo(
        f"added {found.code} ({found.name}){assumed} to corpus {entry.id}: {len(rows.texts)} lines"
    )
    if len(rows.texts) < entry.train_size + entry.test_size and task != "mt":
        typer.echo(
            f"fewer than {entry.train_size} + {entry.test_size} lines: models are tested on it, "
            "not trained"
        )
    typer.echo("next: plm-admin refresh, or prefect deployment run refresh/default")


def _corpus(
    catalogue: "Catalogue", task: str, name: str | None, licence: str | None, lines: int
) -> "CorpusEntry":
    """The corpus to add to: the named one, the only one of the task, or a new one."""
    from proxylm.catalogue import CorpusEntry

    of_task = [corpus for corpus in catalogue.corpora if corpus.task == task]
    if name is None:
        if len(of_task) != 1:
            has = ", ".join(corpus.id for corpus in of_task) or "none"
            raise UsageError(f"name the corpus with --corpus; the catalogue's for {task}: {has}")
        return of_task[0]
    known = {corpus.id: corpus for corpus in catalogue.corpora}
    if name in known:
        if known[name].task != task:
            raise UsageError(f"corpus {name} is for {known[name].task}, not {task}")
        return known[name]
    from pydantic import ValidationError

    test_size = max(1, min(1000, lines // 3))
    try:
        return CorpusEntry.model_validate(
            {
                "id": name,
                "task": task,
                "train_size": max(1, lines - test_size),
                "test_size": test_size,
                "licence": licence,
            }
        )
    except ValidationError as error:
        raise UsageError(f"corpus {name!r}: {error.errors()[0]['msg']}") from None


def _check_labels(corpora: Path, entry: "CorpusEntry", labels: tuple[str, ...], text: Path) -> None:
    """Labels that no other language of the corpus has cannot be learnt from them."""
    from proxylm.catalogue import did_you_mean
    from proxylm.corpora import read_corpus

    known: set[str] = set()
    for path in sorted((corpora / entry.id).glob("*.parquet")):
        split = read_corpus(path).split
        known |= {*split.train.labels, *split.test.labels}
    for line, label in enumerate(labels, start=1):
        if known and label not in known:
            raise UsageError(
                f"{text}, line {line}: label {label!r} is in no other language of {entry.id}"
                f"{did_you_mean(label, known)} use the same labels, or another --corpus"
            )


def add_model(
    model: Annotated[str, typer.Argument(help="A name for the model.")],
    kind: Annotated[str, typer.Option(help="Kind of model, for example byte-transformer.")],
    role: Annotated[str, typer.Option(help="proxy, or estimated: its scores are predicted.")],
    mode: Annotated[
        str, typer.Option(help="from_scratch, fine_tuned or zero_shot.")
    ] = "from_scratch",
    task: Annotated[list[str] | None, typer.Option(help="Task; may be given again.")] = None,
    config: Annotated[
        list[str] | None, typer.Option(help="Setting of the model as name=value; again for more.")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="Setting of training as name=value; again for more.")
    ] = None,
    train_language: Annotated[
        list[str] | None,
        typer.Option(help="Train in this language only; again for more. Default: in all."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Register a model; the next refresh evaluates it."""
    from pydantic import ValidationError

    from proxylm.catalogue import ModelEntry, add_model, did_you_mean
    from proxylm.evaluation.contract import KINDS
    from warehouse.home import Home

    here = Home.find(home)
    if kind not in KINDS:
        raise UsageError(
            f"unknown kind of model {kind!r}{did_you_mean(kind, KINDS)} there are "
            f"{', '.join(sorted(KINDS))}"
        )
    data: dict[str, Any] = {
        "id": model,
        "kind": kind,
        "role": role,
        "mode": mode,
        "tasks": task or ["intent"],
        "config": _assignments("--config", config),
        "recipe": {"name": "default", **_assignments("--recipe", recipe)},
        "train_languages": train_language,
    }
    try:
        entry = ModelEntry.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{place}: {first['msg']} (got {first['input']!r})") from None
    add_model(here.catalogue, entry)
    typer.echo(f"added {model}; next: plm-admin refresh, or prefect deployment run refresh/default")


def _assignments(option: str, given: list[str] | None) -> dict[str, Any]:
    import yaml

    found = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {text!r} is not name=value")
        found[name] = yaml.safe_load(value)
    return found


def list_known(
    what: Annotated[
        str, typer.Argument(help="languages, models, corpora, settings, proposals or fetches.")
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List languages, models, corpora, settings, proposals or fetches."""
    from warehouse.database import reading
    from warehouse.home import Home

    if what not in LISTS:
        raise UsageError(f"cannot list {what!r}; use one of {', '.join(LISTS)}")
    with reading(Home.find(home)) as connection:
        found = connection.execute(LISTS[what] + " ORDER BY ALL")
        columns = [column[0] for column in found.description]
        print_rows(columns, found.fetchall(), as_json)
