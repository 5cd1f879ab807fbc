"""Add a language and see at once what can be said about it; take it out again."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.checks import check_task
from cli.corpora import NEXT, print_admitted, print_findings
from cli.options import HomeOption, JsonOption, print_json, print_table, progress, say

if TYPE_CHECKING:
    from proxylm.neighbours import Neighbour
    from tasks.corpora import Admitted
    from tasks.new_language import FirstLook, NewPart, Work


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("add-language")(add_language)
    app.command("remove-language")(remove_language)
    app.command("sample-text")(sample_text)


def add_language(
    language: Annotated[str, typer.Argument(help="Code or name, for example swh_Latn or sw.")],
    text: Annotated[
        Path | None,
        typer.Option(
            help="Text: utterance<TAB>intent a line, mt: source<TAB>target, or another format "
            "that add-corpus reads. Default: what is pasted or piped in."
        ),
    ] = None,
    aligned: Annotated[
        Path | None,
        typer.Option(help="The second column as a file of its own, line by line with --text."),
    ] = None,
    task: Annotated[str, typer.Option(help="mt, intent or slot.")] = "intent",
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Corpus to add it to; without --text the one that has it already. Default: the "
            "catalogue's only one of the task."
        ),
    ] = None,
    with_language: Annotated[
        str | None, typer.Option("--with", help="mt: language of the second column.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the text, or unknown. Default: the corpus's."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Take the errors of a check for warnings; again for more."),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Evaluate the proxies on it now and show predictions.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a language with its text: checks, neighbours, cost of its proxies.

    With --now also its first predictions; else the next refresh makes them.
    """
    from tasks import new_language
    from warehouse.home import Home

    here = str(Home.find(home).path)
    check_task(task)
    part, added = _known(here, language, with_language, corpus) if text is None else None, None
    if part is None:
        part, added = _admit(
            here, language, text, aligned, task, corpus, with_language, licence, allow
        )
        if not as_json:
            print_findings(added.findings)
            print_admitted(added, language)
    near = new_language.neighbours(here, part)
    planned = new_language.work(here, part, "proxy")
    report: dict[str, Any] = {
        "language": part.language,
        "corpus": part.corpus.id,
        "findings": [finding._asdict() for finding in added.findings] if added else [],
        "nearest_languages": [neighbour._asdict() for neighbour in near],
        "proxies": [model._asdict() for model in planned],
    }
    if not as_json:
        _show_neighbours(near, part)
        _show_work(planned)
    look = _look(here, part, planned, report, as_json) if now else None
    if as_json:
        print_json(report)
    elif not now:
        typer.echo(NEXT)
    if look is not None and look.failures:
        raise typer.Exit(1)


def _look(
    home: str, part: "NewPart", planned: "list[Work]", report: dict[str, Any], quiet: bool
) -> "FirstLook":
    """Evaluate the proxies and show what that says, or with `quiet` only put it in the report."""
    from tasks import new_language

    with progress(sum(model.evaluations for model in planned), "evaluations") as advance:
        look = new_language.look_now(home, part, lambda job: advance(len(job.tests)))
    collect = new_language.what_to_collect(home, part)
    observing = new_language.work(home, part, "estimated")
    report |= {
        "evaluations_made": look.evaluations,
        "failed": look.failures,
        "predictions": [said._asdict() for said in look.said],
        "what_to_collect": collect,
        "cost_of_observing": [model._asdict() for model in observing],
    }
    if not quiet:
        _show_look(look, part)
        _show_advice(collect, observing, part)
    return look


def _known(
    home: str, language: str, with_language: str | None, corpus: str | None
) -> "NewPart | None":
    """What the named corpus has of the language already."""
    from proxylm.languages import resolve
    from tasks.new_language import find_part

    if corpus is None:
        return None
    other = resolve(with_language).code if with_language else None
    return find_part(home, corpus, resolve(language).code, other)


def _admit(
    home: str,
    language: str,
    text: Path | None,
    aligned: Path | None,
    task: str,
    corpus: str | None,
    with_language: str | None,
    licence: str | None,
    allow: list[str] | None,
) -> "tuple[NewPart, Admitted]":
    """Check the text, given or pasted, and add it to its corpus."""
    from tasks.corpora import Offer, admit_part
    from tasks.new_language import find_part
    from warehouse.home import Home

    here = Home.find(home)
    offer = Offer(aligned=aligned, allowed=tuple(allow or ()))
    with _pasted(task) if text is None else nullcontext(text) as path:
        added = admit_part(here, task, language, path, corpus, with_language, licence, offer)
    part = find_part(home, added.corpus_id, added.part.language, added.part.with_language)
    assert part is not None  # it was just written
    return part, added


@contextmanager
def _pasted(task: str) -> Iterator[Path]:
    """Standard input as a file."""
    if sys.stdin.isatty():
        second = {"mt": "TRANSLATION", "slot": "TAGS"}.get(task, task.upper())
        say(f"paste the lines, TEXT<TAB>{second} each, then press Ctrl-D")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pasted.tsv"
        path.write_bytes(sys.stdin.buffer.read())
        yield path


def sample_text(
    language: Annotated[str, typer.Argument(help="Code or name of the language.")],
    lines: Annotated[int, typer.Option(min=1, help="So many distinct lines.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed gives other lines.")] = 1,
) -> None:
    """Print utterances with their intents, to try add-language with.

    One utterance<TAB>intent a line, drawn from Home Assistant's sentence templates.
    """
    from proxylm.home_assistant import generate
    from proxylm.languages import resolve

    rows = generate(resolve(language).code, lines, seed)
    for text, label in zip(rows.texts, rows.labels, strict=True):
        typer.echo(f"{text}\t{label}")


def remove_language(
    language: Annotated[str, typer.Argument(help="Code or name of the language.")],
    corpus: Annotated[
        str | None, typer.Option(help="Out of this corpus only. Default: of every one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
    home: HomeOption = None,
) -> None:
    """Take a language that was added out of the catalogue.

    It is evaluated no more. Its text, scores and predictions are kept; adding it again goes on
    from there.
    """
    from proxylm.catalogue import parts_of, remove_parts
    from proxylm.languages import resolve
    from warehouse.home import Home

    here = Home.find(home)
    found = resolve(language)
    parts = parts_of(here.catalogue, found.code, corpus)
    what = ", ".join(f"{name} ({'-'.join(part.languages)})" for name, part in parts)
    if dry_run:
        typer.echo(f"would take {found.code} ({found.name}) out of {what}")
        return
    if not yes:
        typer.confirm(f"Take {found.code} ({found.name}) out of {what}?", abort=True)
    remove_parts(here.catalogue, parts)
    typer.echo(f"took {found.code} ({found.name}) out of {what}; text and scores are kept")


def _show_neighbours(near: "list[Neighbour]", part: "NewPart") -> None:
    if not near:
        typer.echo(
            f"nearest known languages: none; URIEL lacks {part.language}, or nothing is observed "
            f"for {part.corpus.task} yet"
        )
        return
    columns = ("nearest known language", "name", "distance", "same script", "same family")
    print_table(columns, near, "Nearest languages with observed scores (mean URIEL distance)")


def _show_work(planned: "list[Work]") -> None:
    if not planned:
        typer.echo("proxies: nothing is left to run")
        return
    columns = ("proxy", "mode", "evaluations", "trainings", "seconds")
    print_table(columns, planned, "Proxies to run, and what they are expected to take")
    unknown = [w.model_id for w in planned if w.seconds is None]
    if unknown:
        typer.echo(f"a dash: {', '.join(unknown)} never ran this task here, its cost is unknown")


def _show_look(look: "FirstLook", part: "NewPart") -> None:
    typer.echo(f"evaluations made: {look.evaluations}")
    for failure in look.failures:
        say(f"error: {failure}")
    shown = {
        "model": "model_id",
        "metric": "metric",
        "settings": "settings",
        "predicted": "predicted",
        "mean": "mean",
        "best from" if part.corpus.task == "mt" else "best trained in": "source_lang",
        "value": "best",
        "lower": "lower",
        "upper": "upper",
        "level": "level",
        "observed": "observed",
    }
    rows = [[getattr(said, field) for field in shown.values()] for said in look.said]
    print_table(list(shown), rows, f"Predictions for {part.language}")
    for s in look.said:
        for reason in s.reasons:
            typer.echo(f"{s.model_id}, {s.metric}: {reason}")


def _show_advice(collect: list[str], observing: "list[Work]", part: "NewPart") -> None:
    typer.echo("What to collect next:")
    for advice in collect:
        typer.echo(f"  - {advice}")
    for w in observing:
        cost = "unknown cost" if w.seconds is None else f"about {w.seconds:.0f} s of the device"
        typer.echo(
            f"  - scores of {w.model_id} itself: {w.evaluations} evaluations, {cost}: "
            f"plm-admin evaluate --model {w.model_id} --target {part.language}"
        )
