"""Proposals to the catalogue: what is new, what the policy admits, and what a person decides.

Admission writes `catalogue/local.yaml`, which is what counts; the rows say who decided and why.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from proxylm.catalogue import (
    UNPINNED,
    Catalogue,
    ModelEntry,
    PartEntry,
    add_model,
    add_part,
    did_you_mean,
    explain,
    pin,
    read_catalogue,
)
from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.evaluation.contract import kind_named
from proxylm.records import Proposal
from proxylm.sources.facts import Found, LanguageFacts, ModelFacts
from proxylm.sources.policy import ModelRule, Policy, judge, model_entry, read_policy
from warehouse.database import now
from warehouse.home import Home
from warehouse.proposals import read_proposals, record


class Choice(NamedTuple):
    """What a person says about a model that they approve; None leaves it to the policy's rule."""

    role: str | None = None
    mode: str | None = None
    recipe: str | None = None
    kind: str | None = None


UNUSABLE = "unusable"
"""What an entry is that is no model and no language; it is kept as rejected."""
Key = tuple[str, str, str]
"""What, id and revision of a proposal."""


def add_proposals(
    catalogue: Path, source: str, found: Sequence[Found], proposals: dict[Key, Proposal]
) -> None:
    """Add to `proposals` what a source found and the catalogue's files do not have.

    A new commit of something that is still proposed takes its place. What a person rejected, or
    took out of the catalogue, stays rejected at any commit. Of two sources the word of the first
    one counts, or they would take turns.
    """
    has = read_catalogue(catalogue)
    for facts in found:
        new = _proposal(has, source, facts)
        if new is None:
            continue
        key = (new.what, new.id, new.revision)
        if (before := proposals.get(key)) is not None:
            if before.status == "proposed" and before.source == source:
                proposals[key] = replace(before, facts=new.facts)
            continue
        others = [p for p in proposals.values() if (p.what, p.id) == key[:2]]
        if new.status == "proposed" and (why := _refused_before(new, others)):
            new = _decided(new, "rejected", "person", why)
        proposals[key] = new
        for old in others:
            if old.status == "proposed":
                proposals[old.what, old.id, old.revision] = _decided(
                    old, "rejected", "policy", f"{new.revision} has taken its place"
                )


def decide(catalogue: Path, policy: Policy, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Let the policy admit what it can of what is proposed; returns all, decided or explained.

    What it admits is written to `local.yaml` of the folder `catalogue`.
    """
    return [
        _judged(catalogue, policy, proposal) if proposal.status == "proposed" else proposal
        for proposal in proposals
    ]


def approve(home: str, name: str, choice: Choice | None = None) -> Proposal:
    """Admit a proposal as a person's decision, a rejected one too; returns it.

    Raises UsageError where there is none of that name or something has to be said, InputError
    where it cannot be run here.
    """
    here = Home.find(home)
    proposal = _named(here, name, ("proposed", "rejected"))
    catalogue, policy = read_catalogue(here.catalogue), read_policy(here.catalogue)
    facts = _facts(proposal)
    if isinstance(facts, LanguageFacts):
        _add_language(here.catalogue, catalogue, facts)
    elif proposal.what == "revision":
        _pin(here.catalogue, catalogue, facts)
    else:
        entry = _chosen_entry(catalogue, policy, facts, choice or Choice())
        add_model(here.catalogue, entry)
    done = _decided(proposal, "admitted", "person", "approved")
    record(here, [], [done])
    return done


def reject(home: str, name: str, reason: str) -> Proposal:
    """Reject a proposal as a person's decision; returns it. Raises UsageError as `approve` does."""
    here = Home.find(home)
    done = _decided(_named(here, name, ("proposed",)), "rejected", "person", reason)
    record(here, [], [done])
    return done


def _proposal(catalogue: Catalogue, source: str, facts: Found) -> Proposal | None:
    """What is found as a proposal; None where the catalogue has it."""
    time = now()
    if isinstance(facts, ModelFacts):
        entry = _entry_of(catalogue, facts.id)
        if entry is not None and entry.revision == facts.revision:
            return None
        what, name, revision = ("revision" if entry else "model"), facts.id, facts.revision
    elif isinstance(facts, LanguageFacts):
        name, revision, what = f"{facts.corpus}:{facts.language}", facts.revision, "language"
        if _has_language(catalogue, facts):
            return None
    else:
        content = json.dumps({"name": facts.name}, sort_keys=True)
        name = facts.name or f"(of {source})"
        return Proposal(
            UNUSABLE, name, "", source, content, "rejected", "policy", facts.reason, time, time
        )
    content = json.dumps(facts.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
    return Proposal(
        what, name, revision, source, content, "proposed", None, "not judged yet", time, None
    )


def _refused_before(new: Proposal, others: Sequence[Proposal]) -> str | None:
    """What a person said to other commits of the same, if it was no."""
    for other in reversed(others):
        if (other.status, other.decided_by) == ("rejected", "person"):
            return f"as before: {other.reason.removeprefix('as before: ')}"
        if other.status == "admitted" and new.what != "revision":
            return "it was taken out of the catalogue"
    return None


def _facts(proposal: Proposal) -> ModelFacts | LanguageFacts:
    data: dict[str, Any] = json.loads(proposal.facts)
    if proposal.what == "language":
        return LanguageFacts.model_validate(data)
    return ModelFacts.model_validate(data)


def _judged(folder: Path, policy: Policy, proposal: Proposal) -> Proposal:
    catalogue, facts = read_catalogue(folder), _facts(proposal)
    entry = _entry_of(catalogue, facts.id) if isinstance(facts, ModelFacts) else None
    if isinstance(facts, LanguageFacts):
        there = _has_language(catalogue, facts)
    else:
        there = entry is not None and entry.revision == facts.revision
    if there:  # written by hand since, or by a run that ended before it could record it
        by = "policy" if judge(policy, facts).rule else "person"
        return _decided(proposal, "admitted", by, "it is in the catalogue")
    if entry is not None and entry.revision == UNPINNED:
        pin(folder, entry.id, proposal.revision)
        return _decided(
            proposal, "admitted", "policy", f"the catalogue names {entry.id} without a commit"
        )
    if entry is not None:
        reason = f"{entry.id} is at {entry.revision}; another commit is evaluated anew"
        return replace(proposal, reason=reason)
    rule, reason = judge(policy, facts)
    if rule is None:
        return replace(proposal, reason=reason)
    try:
        if isinstance(facts, LanguageFacts):
            _add_language(folder, catalogue, facts)
        else:
            assert isinstance(rule, ModelRule)
            add_model(folder, model_entry(rule, facts, _free_name(catalogue, facts.id)))
    except ProxyLMError as error:
        return replace(proposal, reason=str(error))
    return _decided(proposal, "admitted", "policy", reason)


def _entry_of(catalogue: Catalogue, model: str) -> ModelEntry | None:
    """The catalogue's entry of a model of the hub."""
    for entry in catalogue.models:
        if entry.config.get("path", entry.id) == model:
            return entry
    return None


def _has_language(catalogue: Catalogue, facts: LanguageFacts) -> bool:
    return any(
        part.language == facts.language
        for corpus in catalogue.corpora
        if corpus.id == facts.corpus
        for part in corpus.parts
    )


def _add_language(folder: Path, catalogue: Catalogue, facts: LanguageFacts) -> None:
    corpus = next((corpus for corpus in catalogue.corpora if corpus.id == facts.corpus), None)
    if corpus is None:
        raise InputError(f"the catalogue has no corpus {facts.corpus}")
    if corpus.task == "mt":
        raise InputError(f"{corpus.id} is for mt, which needs pairs; use `plm-admin add-language`")
    add_part(folder, corpus, PartEntry(language=facts.language, reader=corpus.reader))


def _pin(folder: Path, catalogue: Catalogue, facts: ModelFacts) -> None:
    entry = _entry_of(catalogue, facts.id)
    if entry is None:
        raise InputError(f"the catalogue has no model {facts.id} any more; reject the proposal")
    pin(folder, entry.id, facts.revision)


def _chosen_entry(
    catalogue: Catalogue, policy: Policy, facts: ModelFacts, choice: Choice
) -> ModelEntry:
    """The entry as the person says, and where they say nothing as the policy's rule does."""
    rules = [r for r in policy.models if r.task == facts.task and choice.role in (None, r.role)]
    fitting = [rule for rule in rules if rule.objection(facts) is None]
    rule = next(iter(fitting or (rules if choice.role else [])), None)
    role = choice.role or (rule and rule.role)
    mode = choice.mode or (rule and rule.mode)
    if role is None or mode is None:
        raise UsageError(
            f"no rule of the policy fits {facts.id}: say --role proxy or estimated, and --mode"
        )
    if choice.kind is None and facts.obstacle:
        raise InputError(f"{facts.id}: {facts.obstacle}; --kind takes it all the same")
    kind = choice.kind or str(facts.kind)
    if facts.task not in kind_named(kind).tasks:
        raise InputError(f"{facts.id}: a {kind} does not do {facts.task}; name another --kind")
    data = {
        "id": _free_name(catalogue, facts.id),
        "revision": facts.revision,
        "kind": kind,
        "config": {"path": facts.id},
        "recipe": choice.recipe or (rule.recipe if rule else {"name": "default"}),
        "inference": rule.inference if rule else {},
        "mode": mode,
        "role": role,
        "tasks": [facts.task],
        "n_parameters": facts.n_parameters,
    }
    try:
        return ModelEntry.model_validate(data)
    except ValidationError as error:
        raise UsageError(explain(error, data)) from None


def _free_name(catalogue: Catalogue, model: str) -> str:
    """A name for the catalogue: the hub's without its owner, or with it where that is taken."""
    taken = {entry.id for entry in catalogue.models}
    name = model.rpartition("/")[2].lower()
    return (name if name not in taken else model.replace("/", "--").lower())[:100]


def _decided(proposal: Proposal, status: str, by: str, reason: str) -> Proposal:
    return replace(proposal, status=status, decided_by=by, reason=reason, decided_at=now())


def _named(home: Home, name: str, statuses: Sequence[str]) -> Proposal:
    """The newest proposal of that name in the first of `statuses` that it has."""
    proposals = read_proposals(home)
    of_name = [proposal for proposal in proposals if proposal.id == name]
    for status in statuses:
        found = [p for p in of_name if p.status == status and p.what != UNUSABLE]
        if found:
            return found[-1]
    if of_name:
        last = of_name[-1]
        raise UsageError(f"{name} is {last.status} already, by {last.decided_by}: {last.reason}")
    names = {p.id for p in proposals if p.status == "proposed"}
    raise UsageError(
        f"there is no proposal {name!r}{did_you_mean(name, names) or ';'} `plm-admin list "
        "proposals` shows them"
    )
