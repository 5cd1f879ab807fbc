"""Compares the pins of constraints.txt with the known weaknesses that PyPI publishes.

`make audit` runs it. Leaves with pip-audit's exit code; where the list cannot be reached it says
that nothing was compared and leaves with 0, or with 1 under `--strict`. pip-audit lives in a folder
of its own, so that its dependencies do not mix with the pinned ones.
"""

import subprocess
import sys
import urllib.error
import urllib.request
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / ".audit"
PROBE = "https://pypi.org/pypi/pip/26.0/json"
"""The interface that pip-audit asks. A mirror may have packages and not this, and then pip-audit
would skip every package and find nothing."""


def main(arguments: list[str]) -> int:
    """Audit; returns the exit code."""
    try:
        with urllib.request.urlopen(PROBE, timeout=10):
            pass
    except (urllib.error.URLError, OSError) as error:
        print(f"not audited: the list of weaknesses cannot be reached ({error})", file=sys.stderr)
        return int("--strict" in arguments)
    program = FOLDER / "bin" / "pip-audit"
    if not program.exists():
        venv.create(FOLDER, with_pip=True)
        install = [str(FOLDER / "bin" / "pip"), "install", "--quiet", "pip-audit"]
        subprocess.run(install, check=True)
    pins = ["--requirement", str(CHECKOUT / "constraints.txt"), "--no-deps", "--disable-pip"]
    return subprocess.run([str(program), *pins, "--progress-spinner", "off"]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
