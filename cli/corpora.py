"""The command that adds a text to a corpus, and what it says about the text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.checks import check_task
from cli.options import HomeOption, JsonOption, print_json, print_table, say
from proxylm.errors import UsageError

if TYPE_CHECKING:
    from proxylm.checks import Finding
    from tasks.corpora import Admitted


NEXT = "next: plm-admin refresh, or prefect deployment run refresh/default"


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("add-corpus")(add_corpus)


def add_corpus(
    corpus: Annotated[str, typer.Argument(help="Name of the corpus; a new one is made.")],
    text: Annotated[
        Path, typer.Option(help="File, installed package or dataset; docs/corpora.md has formats.")
    ],
    task: Annotated[str, typer.Option(help="mt, intent or slot.")],
    language: Annotated[str, typer.Option(help="Language of the text, for example swh_Latn.")],
    with_language: Annotated[
        str | None, typer.Option("--with", help="mt: language of the translations.")
    ] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format of the text. Default: by its name.")
    ] = None,
    aligned: Annotated[
        Path | None, typer.Option(help="mt: file with the translations, line by line with --text.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="Unusual column as text=NAME, label=NAME or split=NAME; again for more."),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the text, or unknown. Default: the corpus's."),
    ] = None,
    train_size: Annotated[
        int | None, typer.Option(min=1, help="Training lines of a new corpus.")
    ] = None,
    dev_size: Annotated[
        int | None, typer.Option(min=0, help="Lines for early stopping of a new corpus.")
    ] = None,
    test_size: Annotated[
        int | None, typer.Option(min=1, help="Test lines of a new corpus.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Take the errors of a check for warnings; again for more."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Check the text and add nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a text and add it to a corpus.

    The next refresh evaluates and predicts it.
    """
    from tasks.corpora import Offer, RefusedText, admit_part
    from warehouse.home import Home

    here = Home.find(home)
    check_task(task)
    offer = Offer(
        format_name,
        aligned,
        _columns(column or []),
        train_size,
        dev_size,
        test_size,
        tuple(allow or ()),
    )
    try:
        added = admit_part(
            here, task, language, text, corpus, with_language, licence, offer, dry_run
        )
    except RefusedText as refused:
        if as_json:
            print_json({"admitted": False, "findings": [x._asdict() for x in refused.findings]})
        else:
            print_findings(refused.findings)
        raise
    if as_json:
        print_json(
            {
                "admitted": not dry_run,
                "corpus": added.corpus_id,
                "part": added.part.model_dump(mode="json"),
                "sizes": added.sizes._asdict(),
                "fingerprint": added.fingerprint,
                "findings": [x._asdict() for x in added.findings],
            }
        )
        return
    print_findings(added.findings)
    if dry_run:
        say(f"dry run: nothing was added to {added.corpus_id}")
    else:
        print_admitted(added, language)
        typer.echo(NEXT)


def print_findings(findings: Sequence["Finding"]) -> None:
    """What was found in a text, as a table: errors first, each with a place and what to do."""
    rows = []
    for each in findings:
        lines = [each.message]
        if each.places:
            example = f": {each.examples[0]}" if each.examples else ""
            more = f", and {each.n_rows - 1} more" if each.n_rows > 1 else ""
            lines.append(f"  {each.places[0]}{example}{more}")
        if each.way_on:
            lines.append(f"  {each.way_on}")
        rows.append([each.level, each.check, "\n".join(lines)])
    print_table(["level", "check", "finding"], rows)


def print_admitted(added: "Admitted", spelling: str) -> None:
    """That a text was added, where, and what comes next."""
    from proxylm.languages import resolve

    found = resolve(spelling)
    assumed = f" (script assumed; give {found.code} to be explicit)" if found.script_assumed else ""
    sizes = added.sizes
    typer.echo(
        f"added {found.code} ({found.name}){assumed} to corpus {added.corpus_id}: "
        f"{sizes.train} train, {sizes.dev} dev and {sizes.test} test lines"
    )
    if not sizes.train:
        typer.echo("too few lines for training: models are tested on it, not trained")


def _columns(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not value:
            raise UsageError(f"--column {text!r} is not text=NAME, label=NAME or split=NAME")
        found[name] = value
    return found
