"""COMET through an environment of its own, because unbabel-comet needs other package versions.

PLM_COMET_PYTHON names the Python of that environment; without it there is no COMET score, never a
zero. PLM_COMET_MODEL is a model of the hub or a checkpoint file, PLM_COMET_SECONDS the time limit.

The contract with the program started there, `comet_worker.py`: JSON lines on stdin with `src`, `mt`
and `ref`; on stdout one JSON object with `model`, `version` and `scores`, a number for each line.
Without lines it answers at once and loads no model. It fails with a message on stderr.
"""

import json
import math
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from proxylm.errors import ProxyLMError, UsageError
from proxylm.evaluation.metrics import Z_95, Measurement

DEFAULT_MODEL = "Unbabel/wmt22-comet-da"

_WORKER = Path(__file__).with_name("comet_worker.py")
_SECONDS = 900  # to load the model, also on a slow disk
_SECONDS_A_SEGMENT = 3  # generous for XLM-R large on a CPU
_STDERR_SHOWN = 300  # characters


class Segment(NamedTuple):
    """What COMET reads of one line."""

    source: str
    hypothesis: str
    reference: str


@dataclass(frozen=True)
class Comet:
    """COMET in the environment whose Python is `python`."""

    python: str
    model: str = DEFAULT_MODEL
    seconds: float | None = None  # time limit of one call; None goes by the number of segments

    @classmethod
    def from_environment(cls) -> "Comet | None":
        """The scorer that PLM_COMET_PYTHON names, or None. UsageError for a bad time limit."""
        python = os.environ.get("PLM_COMET_PYTHON")
        if not python:
            return None
        seconds = os.environ.get("PLM_COMET_SECONDS")
        try:
            limit = float(seconds) if seconds else None
        except ValueError:
            limit = 0
        if limit is not None and not limit > 0:
            raise UsageError(f"PLM_COMET_SECONDS is {seconds!r}, not a number of seconds")
        return cls(python, os.environ.get("PLM_COMET_MODEL") or DEFAULT_MODEL, limit)

    @property
    def metric(self) -> str:
        """`comet` for wmt22-comet-da, wherever its file is; other models have their own name."""
        if "wmt22-comet-da" in self.model:
            return "comet"
        return f"comet-{Path(self.model).stem}"

    def signature(self) -> str:
        """Model and version, asked of the program. Raises ProxyLMError where it is broken."""
        return _signature(self._ask([]))

    def measure(self, segments: Sequence[Segment]) -> Measurement:
        """The mean segment score with 1.96 standard deviations / sqrt(n).

        Raises ProxyLMError when the program cannot be started, fails, takes too long or answers
        anything but a number for each segment.
        """
        return self.measure_all([segments])[0]

    def measure_all(self, sets: Sequence[Sequence[Segment]]) -> list[Measurement]:
        """A measurement for each set of segments, all by one start of the program."""
        if not all(sets):
            raise ValueError("a set without segments: nothing to score")
        reply = self._ask([segment for segments in sets for segment in segments])
        scores = iter(reply["scores"])
        return [
            self._measurement([next(scores) for _ in segments], _signature(reply))
            for segments in sets
        ]

    def _measurement(self, scores: Sequence[float], signature: str) -> Measurement:
        n = len(scores)
        half_width = Z_95 * float(np.std(scores, ddof=1)) / math.sqrt(n) if n > 1 else None
        return Measurement(
            metric=self.metric,
            value=float(np.mean(scores)),
            half_width=half_width,
            half_width_method="1.96 segment SD / sqrt(n)",
            n_segments=n,
            signature=signature,
        )

    def _ask(self, segments: Sequence[Segment]) -> dict[str, Any]:
        lines = [
            json.dumps({"src": s.source, "mt": s.hypothesis, "ref": s.reference}) for s in segments
        ]
        limit = self.seconds or _SECONDS + _SECONDS_A_SEGMENT * len(segments)
        output = self._run("".join(f"{line}\n" for line in lines), limit)
        try:
            reply: dict[str, Any] = json.loads(output)
            scores = [float(score) for score in reply["scores"]]
            named = all(isinstance(reply[name], str) for name in ("model", "version"))
        except (ValueError, KeyError, TypeError):
            named = False
        if not named:
            raise ProxyLMError(
                f"COMET: {self._command} wrote {output[:80]!r}, not one JSON object with model, "
                "version and scores"
            )
        if len(scores) != len(segments) or not all(map(math.isfinite, scores)):
            raise ProxyLMError(
                f"COMET: {self._command} gave {sum(map(math.isfinite, scores))} scores for "
                f"{len(segments)} segments; {_WAY_ON}"
            )
        return {**reply, "scores": scores}

    def _run(self, text: str, limit: float) -> str:
        """What the program writes. It and all that it started are killed after `limit` seconds."""
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    [self.python, str(_WORKER), "--model", self.model],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                )
            except OSError as error:
                raise ProxyLMError(
                    f"COMET: PLM_COMET_PYTHON is {self.python}, which cannot be started "
                    f"({error.strerror}); {_WAY_ON}"
                ) from None
            with process:
                try:
                    output, _ = process.communicate(text.encode(), timeout=limit)
                except BaseException as error:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    if not isinstance(error, subprocess.TimeoutExpired):
                        raise
                    raise ProxyLMError(
                        f"COMET: {self._command} took more than {limit:g} seconds and was killed; "
                        f"allow more with PLM_COMET_SECONDS, or {_WAY_ON}"
                    ) from None
            if process.returncode:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines() or ["nothing"]
                how = (
                    f"exit code {process.returncode}"
                    if process.returncode > 0
                    else f"signal {-process.returncode}"
                )
                raise ProxyLMError(
                    f"COMET: {self._command} failed with {how} and said "
                    f"{said[-1][:_STDERR_SHOWN]!r}; {_WAY_ON}"
                )
        return output.decode(errors="replace")

    @property
    def _command(self) -> str:
        return f"{self.python} {_WORKER.name} --model {self.model}"


_WAY_ON = (
    "name with PLM_COMET_PYTHON the python of an environment with unbabel-comet, or unset it to "
    "go without COMET"
)


def _signature(reply: dict[str, Any]) -> str:
    return f"comet|model:{reply['model']}|nrefs:1|version:{reply['version']}"
