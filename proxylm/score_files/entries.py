"""What the readers of result files have in common."""

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One score of a file: its cells by column, or the reason why it cannot be used."""

    number: int  # in the file, from 1
    name: str  # as the harness calls it, for messages
    cells: dict[str, str]
    reason: str | None = None


def an_object(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any, factor: float = 1) -> str:
    """A number as a cell; ten digits, so that 0.57 x 100 is 57. What is no number stays what it is.

    The reader of the row refuses it there, by its name.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value * factor:.10g}"
    return str(value)
