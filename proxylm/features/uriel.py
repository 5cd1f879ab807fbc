"""The six URIEL distances between two languages, computed from URIEL's vectors.

The vectors are those that `lang2vec` 1.1.2 ships (Littell et al. 2017): family membership, great
circle distances to 299 points, and the k-nearest-neighbour completed typological features of
7,970 languages. lang2vec ships no distances, so they are computed here; `genetic` and
`geographic` follow URIEL's published ones, the typological ones do not reproduce them (URIEL's
were computed from other vectors), hence the label `SOURCE`.

The arrays are read from lang2vec's folder without running its code. This module knows languages
by code alone: no scripts, no texts, no settings.
"""

from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cosine

DATA = "URIEL (lang2vec 1.1.2)"
SOURCE = "computed from URIEL vectors (lang2vec 1.1.2)"
DISTANCES = ("genetic", "geographic", "syntactic", "inventory", "phonological", "featural")

_SAME = {"zho": "cmn"}
"""The zho of FLORES-200 is Mandarin; URIEL's own zho row is a stub for the whole family."""

_FAMILY_OF = {"lvs": "lav", "ltg": "lav", "nob": "nor", "nno": "nor", "twi": "aka"}
"""Whose family membership stands in for that of a language where URIEL has none."""

_NO_FAMILY = {
    "Artificial Language",
    "Mixed Language",
    "Pidgin",
    "Sign Language",
    "Speech Register",
    "Unattested",
    "Unclassifiable",
}
"""Where Glottolog, URIEL's source, collects languages without saying that they are related."""

_Vector = npt.NDArray[np.float64]


class Distance(NamedTuple):
    """One distance, 0 (equal) to 1."""

    value: float
    imputed: bool  # of a related language, or taken as unrelated for want of a known family


class Family(NamedTuple):
    """The top-level family of a language."""

    name: str | None  # None: URIEL names none, as for an isolate
    imputed: bool  # of a related language


class _Table(NamedTuple):
    """One lang2vec array: a row a language."""

    rows: dict[str, int]  # ISO 639-3 -> row
    features: list[str]
    values: npt.NDArray[np.uint8] | npt.NDArray[np.float32]  # bits are packed, 8 a byte

    def vector(self, iso: str) -> _Vector:
        row = self.values[self.rows[iso]]
        if row.dtype == np.uint8:
            row = np.unpackbits(row.astype(np.uint8), count=len(self.features))
        return np.asarray(row, dtype=np.float64)


@cache
def _table(name: str) -> _Table:
    # Zeros and ones are kept as bits: 4 MB instead of the 119 MB that the family array takes.
    # Found without importing lang2vec: its import fails where setuptools is new.
    path = Path(str(distribution("lang2vec").locate_file(f"lang2vec/data/{name}.npz")))
    with np.load(path, allow_pickle=False) as archive:
        values = archive["data"][:, :, 0]
        rows = {str(iso): row for row, iso in enumerate(archive["langs"])}
        names = [str(feature) for feature in archive["feats"]]
    binary = bool(((values == 0) | (values == 1)).all())
    return _Table(rows, names, np.packbits(values != 0, axis=1) if binary else values.copy())


@cache
def _typological(prefix: str) -> npt.NDArray[np.intp]:
    """Columns of the completed typological features whose names start with `prefix`."""
    names = _table("feature_predictions").features
    return np.array([i for i, name in enumerate(names) if name.startswith(prefix)])


def _uriel_code(language: str) -> str:
    iso = language.split("_")[0]
    return _SAME.get(iso, iso)


def missing_reason(source: str, target: str) -> str | None:
    """Why `distances` has nothing for this pair; None if it has."""
    known = _table("family_features").rows
    unknown = sorted({code for code in (source, target) if _uriel_code(code) not in known})
    return f"{DATA} has no {' and no '.join(unknown)}" if unknown else None


def family(language: str) -> Family | None:
    """The family of a language (FLORES-200 style code); None where URIEL lacks the language.

    URIEL has a column for each family and each of its branches. The top-level one is the largest
    of a language's columns, because it holds all languages of the others.
    """
    if missing_reason(language, language) is not None:
        return None
    vector, imputed = _family(_uriel_code(language))
    columns = np.flatnonzero(vector)
    if not len(columns):
        return Family(None, False)
    top = columns[np.argmax(_family_sizes()[columns])]
    name = _table("family_features").features[top].removeprefix("F_")
    return Family(None, False) if name in _NO_FAMILY else Family(name, imputed)


@cache
def _family_sizes() -> npt.NDArray[np.intp]:
    """Languages in each family and branch."""
    table = _table("family_features")
    bits = np.unpackbits(np.asarray(table.values, np.uint8), axis=1, count=len(table.features))
    return np.asarray(bits.sum(axis=0, dtype=np.intp))


def distances(source: str, target: str) -> dict[str, Distance]:
    """The URIEL distances between two languages (FLORES-200 style codes), by name.

    `genetic` is the cosine distance of the family vectors, `geographic` the largest difference
    of the distances to the 299 points, the others are cosine distances of the completed
    features: `syntactic` S_*, `inventory` INV_*, `phonological` P_*, `featural` all of them.
    A language without a family in URIEL has that of the related language in `_FAMILY_OF`, or
    else counts as unrelated to all others; either way `genetic` is flagged as imputed.

    A distance that cannot be computed is absent, never a number: all six when URIEL lacks one of
    the languages (see `missing_reason`). The first call reads lang2vec's arrays, about 1 s.
    """
    if missing_reason(source, target) is not None:
        return {}
    one, other = _uriel_code(source), _uriel_code(target)
    places = _table("geocoord_features")
    found = {
        "genetic": _genetic(one, other),
        "geographic": Distance(
            float(np.abs(places.vector(one) - places.vector(other)).max()), False
        ),
    }
    typology = _table("feature_predictions")
    first, second = typology.vector(one), typology.vector(other)
    for name, prefix in zip(DISTANCES[2:], ("S_", "INV_", "P_", ""), strict=True):
        columns = _typological(prefix)
        if first[columns].any() and second[columns].any():
            found[name] = Distance(_cosine(first[columns], second[columns]), False)
    return found


def _genetic(one: str, other: str) -> Distance:
    if one == other:
        return Distance(0.0, False)
    (first, first_imputed), (second, second_imputed) = _family(one), _family(other)
    imputed = first_imputed or second_imputed
    if not (first.any() and second.any()):
        return Distance(1.0, imputed)
    return Distance(_cosine(first, second), imputed)


def _family(iso: str) -> tuple[_Vector, bool]:
    """Family vector, and whether it is not the language's own. Zero: URIEL has no family."""
    table = _table("family_features")
    own = table.vector(iso)
    if own.any():
        return own, False
    return (table.vector(_FAMILY_OF[iso]) if iso in _FAMILY_OF else own), True


def _cosine(one: _Vector, other: _Vector) -> float:
    return max(0.0, float(cosine(one, other)))
