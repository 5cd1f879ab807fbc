"""Commands on the catalogue: add models, and list what is known."""

from typing import Annotated, Any

import typer

from cli.options import HomeOption, JsonOption, print_rows
from proxylm.errors import UsageError

LISTS = {
    "languages": "SELECT language, name, script, script_assumed, source FROM languages",
    "models": "SELECT model_id, revision, architecture, n_parameters, proxy_modes, "
    "estimated_modes, source FROM models",
    "corpora": "SELECT corpus_id, source_lang, target_lang, task, n_train, n_test, licence, "
    "source FROM corpora",
    "proposals": "SELECT id, what, status, reason, source, revision FROM proposals",
    "fetches": "SELECT started_at, source, status, http_status, retries, n_found, error, url "
    "FROM fetches",
    "findings": "SELECT corpus_id, source_lang, target_lang, level, finding, message, places, "
    "way_on FROM corpus_findings",
    "settings": "SELECT task, source_lang, target_lang, train_corpus, train_size, test_corpus "
    "FROM settings",
}


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("add-model")(add_model)
    app.command("list")(list_known)


def add_model(
    model: Annotated[str, typer.Argument(help="A name for the model.")],
    kind: Annotated[
        str,
        typer.Option(
            help="Kind of model, for example byte-transformer; imported where it is not run here."
        ),
    ],
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
    """Register a model; the next refresh evaluates it, unless its scores are imported."""
    from pydantic import ValidationError

    from proxylm.catalogue import IMPORTED, ModelEntry, add_model, did_you_mean
    from proxylm.evaluation.contract import KINDS
    from warehouse.home import Home

    here = Home.find(home)
    kinds = sorted([*KINDS, IMPORTED])
    if kind not in kinds:
        raise UsageError(
            f"unknown kind of model {kind!r}{did_you_mean(kind, kinds) or ';'} there are "
            f"{', '.join(kinds)}"
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
    ways = "plm-admin refresh, or prefect deployment run refresh/default"
    typer.echo(
        f"added {model}; next: {'plm-admin import-scores FILE' if kind == IMPORTED else ways}"
    )


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
        str,
        typer.Argument(
            help="languages, models, corpora, findings, settings, proposals or fetches."
        ),
    ],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List languages, models, corpora, findings about texts, settings, proposals or fetches."""
    from warehouse.database import reading
    from warehouse.home import Home

    if what not in LISTS:
        raise UsageError(f"cannot list {what!r}; use one of {', '.join(LISTS)}")
    with reading(Home.find(home)) as connection:
        found = connection.execute(LISTS[what] + " ORDER BY ALL")
        columns = [column[0] for column in found.description]
        print_rows(columns, found.fetchall(), as_json)
