"""A translator that is a program of its own: sentences in on stdin, translations out on stdout.

One line a sentence, in the same order; the program sees the end of its input after the last one.
That is how Apertium, Moses, Marian's decoder and most scripts are used. It cannot be trained here.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxylm.errors import InputError, ProxyLMError
from proxylm.evaluation.contract import Answers, ModelSpec, Query, Training
from proxylm.evaluation.mortal import mortal

_STDERR_SHOWN = 300  # characters


class Command:
    """The program with its arguments; `config` of the catalogue:

    - `command`: list of words; `{source}` and `{target}` stand for the languages
    - `codes`: the program's own names of languages, for example `{spa_Latn: es}`
    - `seconds`: limit for one test part (default 600); the program is killed after it
    """

    device = "cpu"

    def __init__(self, words: Sequence[str], codes: dict[str, str], seconds: float) -> None:
        self._words = words
        self._codes = codes
        self._seconds = seconds

    def expect(self, texts: Sequence[str]) -> None:
        """Nothing is shared between jobs."""

    def settle(self) -> float:
        """No work is shared: 0 seconds."""
        return 0.0

    def fit(self, training: Training) -> "Command":
        """Refused: there is nothing to train."""
        raise InputError("a command cannot be trained: give it the mode zero_shot")

    load = fit

    def untrained(self, recipe: Mapping[str, Any]) -> "Command":
        """The program itself."""
        return self

    def save(self, folder: Path) -> None:
        """Nothing to save."""

    def release(self) -> None:
        """Nothing is held between calls."""

    def answer(self, query: Query) -> Answers:
        """A line of output for each text.

        Raises InputError for a language outside `codes`, and ProxyLMError when the program fails,
        takes too long or gives another number of lines.
        """
        words = [
            word.format(source=self._code(query.source_lang), target=self._code(query.target_lang))
            for word in self._words
        ]
        # A line break inside a sentence would be read as two sentences.
        lines = [" ".join(text.split()) for text in query.texts]
        output = self._run(words, "".join(f"{line}\n" for line in lines))
        found = output.removesuffix("\n").split("\n")
        if len(found) != len(lines):
            raise ProxyLMError(
                f"{words[0]} gave {len(found)} lines for {len(lines)} sentences; "
                "it has to write one line for each"
            )
        return Answers([line.strip() for line in found], None, None)

    def _code(self, language: str) -> str:
        if not self._codes:
            return language
        if language not in self._codes:
            raise InputError(
                f"{self._words[0]} knows no {language}: its codes are "
                f"{', '.join(sorted(self._codes))}"
            )
        return self._codes[language]

    def _run(self, words: list[str], text: str) -> str:
        process = subprocess.Popen(
            mortal(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # its children are killed with it
        )
        try:
            output, complaint = process.communicate(text.encode(), self._seconds)
        except subprocess.TimeoutExpired:
            raise ProxyLMError(
                f"{words[0]} was stopped after {self._seconds:g} s; `seconds` in its config is "
                "the limit"
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            said = " ".join(complaint.decode(errors="replace").split())[-_STDERR_SHOWN:]
            raise ProxyLMError(f"{words[0]} ended with {process.returncode}: {said or 'no output'}")
        try:
            return output.decode()
        except UnicodeDecodeError:
            raise ProxyLMError(f"{words[0]} wrote something that is not UTF-8") from None


def prepare(spec: ModelSpec, device: str) -> Command:
    """The program of `spec.config`. InputError where it is not installed or not described."""
    config: dict[str, Any] = spec.config
    words = config.get("command")
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise InputError(
            f"the config of {spec.model_id} needs `command`, a list of words, "
            "for example [apertium, -u, '{source}-{target}']"
        )
    unknown = set(config) - {"command", "codes", "seconds"}
    if unknown:
        raise InputError(
            f"the config of {spec.model_id} has {', '.join(sorted(unknown))}; a command has "
            "command, codes and seconds"
        )
    if shutil.which(words[0]) is None:
        raise InputError(f"{spec.model_id}: there is no program {words[0]}; install it first")
    return Command(words, dict(config.get("codes", {})), float(config.get("seconds", 600)))
