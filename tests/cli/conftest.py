"""Run `plm-admin` in this process, as its entry point does."""

import json
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cli.main import main


class Result(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def plm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr("sys.argv", ["plm-admin", *map(str, arguments)])
        code: Any = 0
        handler = signal.getsignal(signal.SIGINT)
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            signal.signal(signal.SIGINT, handler)
        output = capsys.readouterr()
        return Result(code, output.out, output.err)

    return run
