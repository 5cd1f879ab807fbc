"""Training recipes by name: small YAML files in `proxylm/data/recipes`.

A catalogue names one, writes its own, or changes a named one with `like`. What a field means is in
`proxylm/evaluation/training.py`; this module knows only how recipes are found and put together.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import yaml

from proxylm.errors import InputError


def recipe(value: str | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a recipe that is given by its name, or as a mapping.

    In a mapping `like: NAME` stands for the fields of that recipe; the mapping's own fields win,
    and its `name` says how runs with it are called. Raises InputError for an unknown name and for
    a mapping without one.
    """
    if isinstance(value, str):
        return dict(_named(value))
    own = dict(value)
    base = own.pop("like", None)
    if not own.get("name"):
        raise InputError(f"a recipe needs a name: {own}")
    return {**(_named(str(base)) if base is not None else {}), **own}


@cache
def names() -> tuple[str, ...]:
    """The recipes that come with this program."""
    folder = resources.files("proxylm").joinpath("data/recipes")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir()))


@cache
def _named(name: str) -> Mapping[str, Any]:
    if name not in names():
        raise InputError(f"there is no recipe {name}; there are {', '.join(names())}")
    text = resources.files("proxylm").joinpath(f"data/recipes/{name}.yaml").read_text("utf-8")
    return {"name": name, **yaml.safe_load(text)}
