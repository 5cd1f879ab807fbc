"""Errors that a user can act on.

Each message says what is wrong, where, and how to go on; the command line prints it
without a traceback and leaves with `exit_code`.
"""


class ProxyLMError(Exception):
    """Something the user can mend: bad input, a missing part, a wrong option."""

    exit_code = 1


class UsageError(ProxyLMError):
    """An option or argument names something that does not exist."""

    exit_code = 2


class InputError(ProxyLMError):
    """A file's content cannot be used."""


class BusyError(ProxyLMError):
    """Another process holds the warehouse; try again later."""

    exit_code = 75
