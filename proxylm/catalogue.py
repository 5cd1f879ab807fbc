"""The catalogue: which corpora, languages and models are to be evaluated.

Read from YAML files, so that a change is a text that can be reviewed. `local.yaml` is the one
that the command line writes. This module does not fetch text and does not train.
"""

import difflib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from proxylm.errors import InputError, ProxyLMError, UsageError
from proxylm.landing import write_atomically
from proxylm.languages import resolve
from proxylm.recipes import recipe
from proxylm.records import Mode, Task

LOCAL_FILE = "local.yaml"
POLICY_FILE = "policy.yaml"
"""What is admitted from outside; read by `sources.policy`, it has no corpora and no models."""
IMPORTED = "imported"
"""Kind of a model that is not evaluated here: its scores come with `plm-admin import-scores`."""
UNPINNED = "unpinned"
"""Revision of a model of the hub whose commit is still to be fetched; it waits until then."""
PACKAGED = {
    "demo": {"demo.yaml": "demo.yaml"},
    "paper": {"paper.yaml": "paper.yaml", POLICY_FILE: "paper-policy.yaml"},
}
"""Catalogues that come with this program: file in the home's catalogue, file in `data`."""
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _canonical(language: str) -> str:
    try:
        return str(resolve(language).code)
    except UsageError as error:
        raise ValueError(str(error)) from None


def recipe_of(value: Any) -> Any:
    """A recipe by its name, or like another one; see `recipes.recipe`."""
    if not isinstance(value, str | dict):
        return value
    try:
        return recipe(value)
    except InputError as error:
        raise ValueError(str(error)) from None


LanguageCode = Annotated[str, AfterValidator(_canonical)]
Recipe = Annotated[dict[str, Any], BeforeValidator(recipe_of)]
Name = Annotated[str, Field(pattern=_NAME)]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Reader = Literal["home-assistant-intents", "home-assistant-slots", "file"]
_TASK_OF_READER = {"home-assistant-intents": "intent", "home-assistant-slots": "slot"}


class Entry(BaseModel):
    """Part of a file of the catalogue; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartEntry(Entry):
    """One language of a corpus; for mt a pair."""

    language: LanguageCode
    with_language: LanguageCode | None = None  # mt: the other side; the text is language -> this
    reader: Reader
    path: str | None = None  # reader `file`: below the home folder
    licence: str | None = None  # where it is not the corpus's
    allowed: tuple[str, ...] = ()  # checks whose errors the user took for warnings

    @property
    def languages(self) -> tuple[str, ...]:
        """The language, or both of the pair."""
        return (self.language, self.with_language) if self.with_language else (self.language,)


class CorpusEntry(Entry):
    """A named corpus with its parts. Splits hold `train_size` and `test_size` lines."""

    id: Name
    task: Task
    seed: int = 0  # of generated text
    train_size: int = Field(gt=0)
    test_size: int = Field(gt=0)
    dev_size: int = Field(default=0, ge=0)  # lines for early stopping, of those left over
    licence: str | None = None
    reader: Reader = "file"
    parts: tuple[PartEntry, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expand_parts(cls, data: Any) -> Any:
        """A part may be written as its language alone; it then has the corpus's reader."""
        if isinstance(data, dict) and isinstance(data.get("parts"), list):
            reader = data.get("reader", "file")
            parts = [
                {"reader": reader, **(part if isinstance(part, dict) else {"language": part})}
                for part in data["parts"]
            ]
            data = {**data, "parts": parts}
        return data

    @model_validator(mode="after")
    def _readers_have_the_task(self) -> "CorpusEntry":
        for reader in (self.reader, *(part.reader for part in self.parts)):
            if _TASK_OF_READER.get(reader, self.task) != self.task:
                raise ValueError(
                    f"corpus {self.id} has task {self.task}; "
                    f"the reader {reader} is for {_TASK_OF_READER[reader]}"
                )
        return self


class ModelEntry(Entry):
    """A model to evaluate, in one mode and role, or one whose scores are imported."""

    id: Name
    revision: str = "1"
    kind: str
    config: dict[str, Any] = {}
    recipe: Annotated[dict[str, Any], BeforeValidator(recipe_of)] = Field(
        default={"name": "default"}
    )
    inference: dict[str, Any] = {}  # fields of `evaluation.contract.Inference`
    mode: Mode
    role: Literal["proxy", "estimated"]
    tasks: tuple[Task, ...]
    train_languages: tuple[LanguageCode, ...] | None = None  # None: every language
    n_parameters: int | None = None


class Catalogue(Entry):
    """Corpora and models, each id once."""

    corpora: tuple[CorpusEntry, ...] = ()
    models: tuple[ModelEntry, ...] = ()
    pins: dict[Name, Commit] = {}  # model to its revision, before what its entry says


def read_catalogue(folder: Path) -> Catalogue:
    """All `*.yaml` of `folder` as one catalogue. `local.yaml` comes last and may add parts to a
    corpus of another file by its id, see `joined`; otherwise an id stands once.

    Raises InputError naming file and entry.
    """
    corpora: dict[str, CorpusEntry] = {}
    models: dict[str, ModelEntry] = {}
    pins: dict[str, str] = {}
    files = sorted(folder.glob("*.yaml"), key=lambda path: (path.name == LOCAL_FILE, path.name))
    for path in files:
        if path.name == POLICY_FILE:
            continue
        catalogue = read_file(path)
        for corpus in catalogue.corpora:
            known = corpora.get(corpus.id)
            if known is not None:
                corpus = known.model_copy(update={"parts": joined(known.parts, corpus.parts)})
            refuse_double(path, corpus)
            corpora[corpus.id] = corpus
        for model in catalogue.models:
            if model.id in models:
                raise InputError(f"{path}: model {model.id} is in another catalogue file already")
            models[model.id] = model
        pins |= catalogue.pins
    pinned = [
        model.model_copy(update={"revision": pins.get(model.id, model.revision)})
        for model in models.values()
    ]
    return Catalogue(corpora=tuple(corpora.values()), models=tuple(pinned), pins=pins)


def read_file(path: Path) -> Catalogue:
    """One catalogue file. Raises InputError naming file, entry and field."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not readable as YAML ({_one_line(error)})") from None
    try:
        return Catalogue.model_validate(data or {})
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, data)}") from None


def explain(error: ValidationError, data: Any) -> str:
    """The first error of a file: field, what is wrong, and the name of the entry if it has one."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    named = ""
    for step in first["loc"]:
        try:
            data = data[step]
        except (LookupError, TypeError):
            break
        if isinstance(data, dict) and (name := data.get("id") or data.get("name")):
            named = f" (entry {name})"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}{named}"


def demo_catalogue() -> str:
    """The demo's catalogue, as YAML text."""
    return packaged("demo")["demo.yaml"]


def packaged(name: str) -> dict[str, str]:
    """The files of a catalogue that comes with this program, name to YAML text.

    Raises UsageError for one that does not.
    """
    if name not in PACKAGED:
        raise UsageError(f"there is no catalogue {name!r}; there are {', '.join(PACKAGED)}")
    data = resources.files("proxylm").joinpath("data")
    return {
        file: data.joinpath(source).read_text("utf-8") for file, source in PACKAGED[name].items()
    }


def add_part(folder: Path, corpus: CorpusEntry, part: PartEntry) -> None:
    """Add a part to a corpus in `local.yaml`, with the corpus's own fields.

    Raises ProxyLMError when the corpus has that language already.
    """
    local = _read_local(folder)
    entries = {entry.id: entry for entry in local.corpora}
    entry = entries.get(corpus.id, corpus.model_copy(update={"parts": ()}))
    entries[corpus.id] = entry.model_copy(update={"parts": joined(entry.parts, (part,))})
    refuse_double(folder / LOCAL_FILE, entries[corpus.id])
    _write_local(folder, local.model_copy(update={"corpora": tuple(entries.values())}))


def joined(known: Sequence[PartEntry], added: Sequence[PartEntry]) -> tuple[PartEntry, ...]:
    """Parts with others added: one with a path takes the place of one whose text is expected."""
    given = {part.languages for part in added if part.path}
    kept = [p for p in known if p.path or p.reader != "file" or p.languages not in given]
    return (*kept, *added)


def parts_of(
    folder: Path, language: str, corpus_id: str | None = None
) -> list[tuple[str, PartEntry]]:
    """A language's parts with their corpora; InputError where no corpus has it."""
    found = [
        (corpus.id, part)
        for corpus in read_catalogue(folder).corpora
        for part in corpus.parts
        if corpus_id in (None, corpus.id) and language in part.languages
    ]
    if not found:
        where = f"corpus {corpus_id} has no" if corpus_id else "no corpus has"
        raise InputError(f"{folder}: {where} {language}; `plm-admin list corpora` shows them")
    return found


def remove_parts(folder: Path, parts: Iterable[tuple[str, PartEntry]]) -> None:
    """Take parts out of `local.yaml`.

    Raises InputError, and changes nothing, where another file has one: that is a reviewed text.
    """
    local = _read_local(folder)
    entries = {entry.id: entry for entry in local.corpora}
    for name, part in parts:
        entry = entries.get(name)
        if entry is None or part not in entry.parts:
            raise InputError(
                f"{folder}: {part.language} of corpus {name} is not in {LOCAL_FILE}; take it out "
                "of the file that has it"
            )
        entries[name] = entry.model_copy(
            update={"parts": tuple(known for known in entry.parts if known != part)}
        )
    left = tuple(entry for entry in entries.values() if entry.parts)
    _write_local(folder, local.model_copy(update={"corpora": left}))


def add_model(folder: Path, model: ModelEntry) -> None:
    """Add a model to `local.yaml`. Raises ProxyLMError when its id is taken."""
    if any(known.id == model.id for known in read_catalogue(folder).models):
        raise ProxyLMError(f"model {model.id} is in the catalogue already; choose another id")
    local = _read_local(folder)
    _write_local(folder, local.model_copy(update={"models": (*local.models, model)}))


def pin(folder: Path, model: str, revision: str) -> None:
    """Set a model's revision in `local.yaml`, whichever file its entry is in."""
    local = _read_local(folder)
    _write_local(folder, local.model_copy(update={"pins": {**local.pins, model: revision}}))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean a, b?`, or nothing where nothing is near."""
    near = difflib.get_close_matches(word, list(known), n=3)
    return f"; did you mean {', '.join(near)}?" if near else ""


def refuse_double(path: Path, corpus: CorpusEntry) -> None:
    """Raises InputError, naming `path`, where a corpus has a language twice."""
    seen = set()
    for part in corpus.parts:
        key = (part.language, part.with_language)
        if key in seen:
            raise InputError(f"{path}: corpus {corpus.id} has {part.language} already")
        seen.add(key)


def _read_local(folder: Path) -> Catalogue:
    path = folder / LOCAL_FILE
    return read_file(path) if path.exists() else Catalogue()


def _write_local(folder: Path, catalogue: Catalogue) -> None:
    data = catalogue.model_dump(mode="json", exclude_defaults=True)
    text = "# Written by plm-admin: what was added, admitted and pinned.\n" + yaml.safe_dump(
        data, sort_keys=False, allow_unicode=True
    )
    write_atomically(folder / LOCAL_FILE, text.encode())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
