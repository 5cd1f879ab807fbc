"""Commands on what the catalogue's sources propose: fetch, approve and reject."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import HomeOption, JsonOption, print_json, say
from proxylm.escaping import shown

if TYPE_CHECKING:
    from proxylm.records import Proposal

NameArgument = Annotated[str, typer.Argument(help="Its id; `plm-admin list proposals` shows them.")]


def add_commands(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    for command in (fetch, approve, reject):
        app.command()(command)


def fetch(
    source: Annotated[str | None, typer.Option(help="Only this source of the policy.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the catalogue's sources what is new.

    catalogue/policy.yaml names them and says what is admitted; the rest waits as proposals. See
    docs/catalogue.md.
    """
    from dataclasses import asdict

    from tasks.sources import fetch_sources
    from warehouse.home import Home

    here = Home.find(home)
    done = fetch_sources(str(here.path), source)
    if as_json:
        print_json(asdict(done))
    elif not done.sources:
        say(f"no sources: {here.catalogue / 'policy.yaml'} names none; see docs/catalogue.md")
    else:
        typer.echo(
            f"{done.sources} sources, {done.requests} requests ({done.unchanged} unchanged, "
            f"{done.retries} retries), {done.found} models and languages read"
        )
        for name in done.admitted:
            typer.echo(f"admitted: {shown(name)}")
        typer.echo(f"waiting for a person: {done.open} (plm-admin list proposals)")
    for name, reason in done.failures.items():
        say(f"error: {name}: {reason}")
    if done.failures:
        raise typer.Exit(1)


def approve(
    name: NameArgument,
    role: Annotated[
        str | None, typer.Option(help="Of a model: proxy or estimated. Default: the policy's.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="Of a model: zero_shot or fine_tuned. Default: the policy's.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Of a model: name of a recipe. Default: the policy's.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Of a model: kind of model. Default: what the source says.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Admit a proposal to the catalogue.

    The next refresh evaluates it.
    """
    from tasks.proposals import Choice
    from tasks.proposals import approve as admit
    from warehouse.home import Home

    done = admit(str(Home.find(home).path), name, Choice(role, mode, recipe, kind))
    typer.echo(f"admitted {_named(done)}; next: plm-admin refresh")


def reject(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")] = "rejected",
    home: HomeOption = None,
) -> None:
    """Reject a proposal, at this and every later revision."""
    from tasks.proposals import reject as refuse
    from warehouse.home import Home

    typer.echo(f"rejected {_named(refuse(str(Home.find(home).path), name, reason))}")


def _named(proposal: "Proposal") -> str:
    return shown(f"{proposal.what} {proposal.id} at {proposal.revision}")
