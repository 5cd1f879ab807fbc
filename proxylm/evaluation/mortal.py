"""Processes that die with the one that started them, also when that is killed.

On Linux alone; elsewhere they come to their own end. Run as a script it becomes another program:
`python mortal.py PARENT PROGRAM ARGUMENT...`. Knows nothing of what that program does.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Let the kernel kill this process when the thread of `parent` that started it has ended."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(2)


def mortal(words: Sequence[str]) -> list[str]:
    """The command line that runs the one given so that it dies with this process."""
    if sys.platform != "linux":
        return list(words)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *words]


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
