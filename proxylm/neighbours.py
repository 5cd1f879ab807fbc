"""Which known languages are nearest to a new one: by URIEL distances, script and family.

What is near says where a prediction comes from and which observed scores speak for it. It is shown
to people and is no input of a predictor. This module knows no scores and no texts.
"""

from collections.abc import Iterable
from typing import NamedTuple

from proxylm.features import uriel
from proxylm.languages import resolve

NEAREST = 5


class Neighbour(NamedTuple):
    """A known language, seen from another one."""

    language: str  # FLORES-200 style code
    name: str
    distance: float  # mean of the URIEL distances, 0 (equal) to 1
    same_script: bool
    same_family: bool  # False, too, where URIEL names no family


def nearest(language: str, known: Iterable[str], n: int = NEAREST) -> list[Neighbour]:
    """The `n` languages of `known` nearest to `language`, the nearest first, itself left out.

    Languages are FLORES-200 style codes. The distance is the mean of those of the six URIEL
    distances that can be computed (`features.uriel.distances`). Empty where URIEL lacks
    `language`; known languages that URIEL lacks are left out.
    """
    script = language.partition("_")[2]
    family = uriel.family(language)
    found = []
    for other in sorted(set(known) - {language}):
        distances = uriel.distances(language, other)
        if not distances:
            continue
        theirs = uriel.family(other)
        same_family = bool(family and theirs and family.name and family.name == theirs.name)
        mean = sum(distance.value for distance in distances.values()) / len(distances)
        same_script = other.partition("_")[2] == script
        found.append(Neighbour(other, resolve(other).name, mean, same_script, same_family))
    return sorted(found, key=lambda neighbour: (neighbour.distance, neighbour.language))[:n]
