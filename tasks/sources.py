"""Stage `sources`: ask the hub and the feeds of the policy what is new, and record it.

What is found becomes a proposal; what of it is admitted is decided in `proposals.py`. A source that
fails is recorded and stops no other.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from prefect import task

from proxylm.errors import ProxyLMError, UsageError
from proxylm.identity import digest
from proxylm.languages import spell
from proxylm.records import Fetch
from proxylm.sources import hub
from proxylm.sources.client import Client, FetchError
from proxylm.sources.facts import Found
from proxylm.sources.feed import read_feed
from proxylm.sources.policy import (
    HubDataset,
    HubModel,
    HubModels,
    JsonFeed,
    Policy,
    Source,
    Token,
    read_policy,
)
from tasks.proposals import add_proposals, decide
from tasks.settings import LOCK_RETRIES, busy
from warehouse.database import now
from warehouse.home import Home
from warehouse.proposals import KnownPage, known_pages, read_proposals, record

_MAX_PAGES = 500


@dataclass
class SourcesFetched:
    """What the sources said, and what became of it."""

    sources: int = 0
    requests: int = 0
    unchanged: int = 0  # pages that the source says are as they were
    retries: int = 0
    found: int = 0  # models and languages read just now, known ones too
    open: int = 0  # proposals that wait for a person
    admitted: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)  # source to the reasons


class _Address(NamedTuple):
    url: str  # of the first page
    read: Callable[[Any], list[Found]]
    limit: int | None = None  # entries after which no further page is asked for


def fetch_sources(
    home: str, only: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> SourcesFetched:
    """Ask every source of the policy, or the one called `only`, and decide what is proposed.

    Raises InputError for a policy that is wrong and UsageError for a source that is not in it.
    What goes wrong with a source is in `failures` and in the table `fetches`.
    """
    here = Home.find(home)
    policy = read_policy(here.catalogue)
    done = SourcesFetched()
    pages, before = known_pages(here), read_proposals(here)
    proposals = {(p.what, p.id, p.revision): p for p in before}
    fetches: list[Fetch] = []
    for source in _asked(policy, only):
        asked, found = _fetch(source, pages, sleep)
        fetches += asked
        add_proposals(here.catalogue, source.name, found, proposals)
        done.sources += 1
        done.found += len(found)
        if errors := [fetch.error for fetch in asked if fetch.error]:
            done.failures[source.name] = "; ".join(errors)
    known = set(before)
    record(here, fetches, [proposal for proposal in proposals.values() if proposal not in known])
    # Written to the catalogue's files first and recorded then: a run that ends in between leaves
    # proposals that the next one finds there.
    known = set(proposals.values())
    decided = decide(here.catalogue, policy, list(proposals.values()))
    record(here, [], [proposal for proposal in decided if proposal not in known])
    done.requests = len(fetches)
    done.unchanged = sum(fetch.status == "unchanged" for fetch in fetches)
    done.retries = sum(fetch.retries for fetch in fetches)
    done.admitted = [
        f"{p.what} {p.id}" for p in decided if p.status == "admitted" and p not in known
    ]
    done.open = sum(proposal.status == "proposed" for proposal in decided)
    return done


def _asked(policy: Policy, only: str | None) -> list[Source]:
    sources = [source for source in policy.sources if only in (None, source.name)]
    if only is not None and not sources:
        names = ", ".join(source.name for source in policy.sources) or "none"
        raise UsageError(f"the policy has no source {only}; it has {names}")
    return sources


def _fetch(
    source: Source, pages: dict[tuple[str, str], KnownPage], sleep: Callable[[float], None]
) -> tuple[list[Fetch], list[Found]]:
    """Every page of a source, as far as it goes; one that cannot be reached is asked once."""
    try:
        token = _token(source.token)
    except ProxyLMError as error:
        return [_failed(source.name, "", now(), FetchError(str(error), None, 0))], []
    fetches: list[Fetch] = []
    found: list[Found] = []
    with Client(token, source.token.name, sleep) as client:
        for address in _addresses(source):
            for fetch, entries in _walk(client, source.name, address, pages):
                fetches.append(fetch)
                found += entries
            if not any(fetch.http_status for fetch in fetches):
                break  # without a network each further address would take seconds to fail
    return fetches, found


def _walk(
    client: Client, source: str, address: _Address, pages: dict[tuple[str, str], KnownPage]
) -> Iterator[tuple[Fetch, list[Found]]]:
    """The pages of one address, until the last, the limit, or a failure."""
    url: str | None = address.url
    seen, count = set[str](), 0
    while url is not None and url not in seen and len(seen) < _MAX_PAGES:
        seen.add(url)
        started = now()
        known = pages.get((source, url))
        try:
            page = client.page(url, known.etag if known else None)
        except FetchError as error:
            yield _failed(source, url, started, error), []
            return
        if page.http_status == 304 and known is not None:
            entries: list[Found] = []
            etag, following, n_found = known
        else:
            entries = address.read(page.content)
            etag, following, n_found = page.etag, page.next_url, len(entries)
        count += n_found
        if address.limit is not None and count >= address.limit:
            following = None
        fetch = Fetch(
            fetch_id=_fetch_id(source, url, started),
            source=source,
            url=url,
            started_at=started,
            status="fetched" if page.http_status == 200 else "unchanged",
            http_status=page.http_status,
            etag=etag,
            next_url=following,
            retries=page.retries,
            n_found=n_found,
            error=None,
        )
        yield fetch, entries
        url = following


def _failed(source: str, url: str, started: datetime, error: FetchError) -> Fetch:
    return Fetch(
        fetch_id=_fetch_id(source, url, started),
        source=source,
        url=url,
        started_at=started,
        status="failed",
        http_status=error.http_status,
        etag=None,
        next_url=None,
        retries=error.retries,
        n_found=0,
        error=str(error),
    )


def _fetch_id(source: str, url: str, started: datetime) -> str:
    return digest({"source": source, "url": url, "started_at": started.isoformat()})


def _addresses(source: Source) -> list[_Address]:
    """Where a source is asked, and how its answers are read."""
    endpoint = os.environ.get("HF_ENDPOINT") or hub.ENDPOINT
    match source:
        case HubModels():
            return [
                _Address(
                    hub.models_url(
                        endpoint, pipeline, language, licence, source.author, source.size
                    ),
                    lambda content: hub.read_models(content, source.task, source.min_downloads),
                    source.limit,
                )
                for pipeline in hub.pipelines(source.task)
                for language in [spell(code, "bcp47") for code in source.languages] or [None]
                for licence in source.licences or [None]
            ]
        case HubModel():
            return [
                _Address(
                    hub.model_url(endpoint, model),
                    lambda content: [hub.read_model(content, source.task)],
                )
                for model in source.models
            ]
        case HubDataset():
            return [
                _Address(
                    hub.dataset_url(endpoint, source.dataset),
                    lambda content: hub.read_dataset(content, source.dataset, source.corpus),
                )
            ]
        case JsonFeed():
            return [_Address(source.url, read_feed)]


def _token(token: Token) -> str | None:
    """A source's token; it is kept in memory only. None where none is set: much is public."""
    if token.secret is None:
        return os.environ.get(token.env) or None
    from prefect.blocks.system import Secret

    try:
        # `_sync`: also where an event loop runs, as in a notebook; the stubs do not know it
        block: Any = Secret.load(token.secret, _sync=True)  # type: ignore[call-arg]
        return str(block.get())
    except ValueError:
        raise UsageError(
            f"there is no Prefect Secret block {token.secret}; make it on the page Blocks of the "
            "Prefect server, or name an environment variable with `env`"
        ) from None


sources_task: Any = task(name="sources", retry_condition_fn=busy, **LOCK_RETRIES)(fetch_sources)
