"""Scores with their uncertainty and the signature of what could change them.

`measure` is the entry point. Translation metrics come from sacreBLEU, value, half-width and
signature as `sacrebleu --confidence` prints them. It knows no models, and of files only the
sentencepiece models that spBLEU needs: nothing is ever downloaded.
"""

import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sacrebleu import utils as sacrebleu_utils
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import estimate_ci
from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS, TokenizerSPM

from proxylm.errors import InputError
from proxylm.records import TASK_METRICS, TASKS

Z_95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""

RESAMPLES = 1000
SEED = 12345
"""Of the bootstrap; both are the defaults of `sacrebleu --confidence`."""

FLORES200_SHA256 = "14bb8dfb35c0ffdea7bc01e56cea38b9e3d5efcdcb9c251d6b40538e1aab555a"
"""Of the SPM-200 model (4,852,054 bytes), which is also NLLB's sentencepiece.bpe.model."""


class Measurement(NamedTuple):
    """One metric of one list of hypotheses."""

    metric: str
    value: float  # 0-100, comet 0-1; TER may exceed 100
    half_width: float | None  # 95 %, in the metric's units; None where one segment tells nothing
    half_width_method: str
    n_segments: int
    signature: str


Wanted = Callable[[str, str], bool]
"""Whether a metric, given by its name and signature, is to be computed."""


def measure(
    task: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
    sources: Sequence[str] | None = None,
    *,
    target_lang: str | None = None,
    wanted: Wanted = lambda metric, signature: True,
) -> list[Measurement]:
    """The metrics of a task: `accuracy`; `f1`; BLEU, chrF2, chrF2++, TER and spBLEU.

    `sources` are the texts that were answered; for slot filling they give the number of words.
    `target_lang` (a FLORES-200 style code) chooses BLEU's tokenizer. spBLEU is there only with its
    tokenizer, see `spm_status`. COMET is in `comet.py`.
    Raises ValueError for lists that are empty or of different length, and InputError for an
    unknown task or tags that cannot be scored.
    """
    _check_lengths(hypotheses, references, sources)
    if task not in TASK_METRICS:
        raise InputError(f"there is no metric for task {task!r}; there is for {', '.join(TASKS)}")
    if task == "mt":
        return _translation(hypotheses, references, target_lang, wanted)
    found = [_OF_LABELS[metric](hypotheses, references, sources) for metric in TASK_METRICS[task]]
    return [one for one in found if wanted(one.metric, one.signature)]


# Classification


def accuracy(
    hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str] | None = None
) -> Measurement:
    """Share of equal labels, 0-100, with the half-width of Wilson's 95 % interval.

    Raises ValueError for lists that are empty or of different length.
    """
    _check_lengths(hypotheses, references)
    n = len(references)
    correct = sum(h == r for h, r in zip(hypotheses, references, strict=True))
    return Measurement(
        metric="accuracy",
        value=100 * correct / n,
        half_width=100 * wilson_half_width(correct, n),
        half_width_method="wilson",
        n_segments=n,
        signature=f"accuracy|n:{n}|v:1",
    )


def wilson_half_width(correct: int, n: int) -> float:
    """Half the width of Wilson's 95 % interval of a proportion, 0-1 (Wilson 1927).

    The interval's centre is pulled towards 1/2 and is not the score itself; unlike the normal
    approximation the width does not vanish at 0 or `n` correct answers.
    """
    p = correct / n
    spread = math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
    return Z_95 / (1 + Z_95**2 / n) * spread


# Slot filling


def span_f1(
    hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str] | None = None
) -> Measurement:
    """Micro-averaged F1 of labelled spans, 0-100, as in CoNLL-2000 (`conlleval`).

    A line is BIO tags parted by single spaces. A span counts where its words and type are equal.
    Raises InputError for a tag that is not BIO, and for a line with more or fewer tags than its
    reference or, where given, its source has words.
    """
    _check_lengths(hypotheses, references, sources)
    lines = zip(hypotheses, references, sources or references, strict=True)
    counts = np.array([_span_counts(number, *line) for number, line in enumerate(lines, start=1)])
    n = len(references)
    return Measurement(
        metric="f1",
        value=float(_f1(counts.sum(0, keepdims=True))[0]),
        half_width=_half_width(_f1(_resampled_sums(counts)), n),
        half_width_method="bootstrap",
        n_segments=n,
        signature=f"f1|average:micro|spans:conll|n:{n}|bs:{RESAMPLES}|seed:{SEED}|v:1",
    )


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Type, first and last position of each span.

    I- without a B- of its type before it opens a span, as in `conlleval`. Raises ValueError for a
    tag that is not BIO.
    """
    found = set()
    kind, start = None, 0
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or not name):
            raise ValueError(tag)
        inside = prefix == "I" and name == kind
        if kind is not None and not inside:
            found.add((kind, start, position - 1))
            kind = None
        if tag != "O" and not inside:
            kind, start = name, position
    return found


def _span_counts(line: int, hypothesis: str, reference: str, words: str) -> tuple[int, int, int]:
    """Correct, found and expected spans of a line."""
    said, true, n = hypothesis.split(" "), reference.split(" "), len(words.split(" "))
    if not len(said) == len(true) == n:
        raise InputError(
            f"line {line} has {n} words, {len(true)} tags in the reference and {len(said)} in the "
            "hypothesis"
        )
    try:
        found, expected = spans(said), spans(true)
    except ValueError as error:
        raise InputError(f"line {line} has the tag {str(error)!r}, which is not BIO") from None
    return len(found & expected), len(found), len(expected)


def _f1(counts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """F1, 0-100, of rows of `_span_counts`; 0 where there is no span at all."""
    correct, found, expected = counts.T
    f1: np.ndarray[Any, Any] = 200 * correct / np.maximum(found + expected, 1)
    return f1


_OF_LABELS: dict[str, Callable[..., Measurement]] = {"accuracy": accuracy, "f1": span_f1}
"""Metric to what measures it, for tasks whose hypotheses are labels."""


# Machine translation


def _translation(
    hypotheses: Sequence[str], references: Sequence[str], target_lang: str | None, wanted: Wanted
) -> list[Measurement]:
    # sacrebleu reads lines: what a break inside a sentence is there, it is here.
    hypotheses = [_one_line(text) for text in hypotheses]
    references = [_one_line(text) for text in references]
    n = len(references)
    measured = []
    for name, metric in _translation_metrics(target_lang):
        # What corpus_score(n_bootstrap=...) would set, before the work instead of after it.
        metric.num_refs, metric.n_bootstrap, metric.seed = 1, RESAMPLES, SEED
        signature = str(metric.get_signature())
        if not wanted(name, signature):
            continue
        segments = metric._extract_corpus_statistics(hypotheses, [references])
        value = metric._aggregate_and_compute(segments).score
        # float32 as in sacreBLEU's own bootstrap, which would need a gigabyte for 10,000 lines.
        sums = _resampled_sums(np.array(segments)).astype("float32")
        scores = np.array([metric._compute_score_from_stats(row).score for row in sums])
        measured.append(
            Measurement(
                metric=name,
                # A perfect translation has a BLEU of 100.00000000000004.
                value=float(value if name == "TER" else min(value, 100.0)),
                half_width=_half_width(scores, n),
                half_width_method="bootstrap",
                n_segments=n,
                signature=signature,
            )
        )
    return measured


def _translation_metrics(target_lang: str | None) -> Iterator[tuple[str, Any]]:
    """Names and sacreBLEU's metrics."""
    yield _bleu(target_lang)
    yield "chrF2", CHRF()
    yield "chrF2++", CHRF(word_order=2)
    yield "TER", TER()
    for model in _spm_models().usable:
        metric = BLEU(tokenize="none")
        metric.tokenizer = model.tokenizer
        metric.tokenizer_signature = model.tokenizer.signature()
        yield model.metric, metric


_TOKENIZERS = {
    "Hans": "zh",
    "Hant": "zh",
    "Hani": "zh",
    "Jpan": "ja-mecab",
    "Kore": "ko-mecab",
    "Hang": "ko-mecab",
}
"""Script to the tokenizer that sacreBLEU takes for Chinese, Japanese and Korean."""


def _bleu(target_lang: str | None) -> tuple[str, Any]:
    """BLEU as sacreBLEU computes it by default for the language, or a stand-in with its own name.

    Japanese and Korean need MeCab (`pip install 'sacrebleu[ja,ko]'`). BLEU over characters is far
    higher than BLEU over words, so without MeCab it is called BLEU-char.
    """
    tokenizer = _TOKENIZERS.get((target_lang or "").partition("_")[2], "13a")
    try:
        return "BLEU", BLEU(tokenize=tokenizer)
    except RuntimeError:  # MeCab or its dictionary is not installed
        return "BLEU-char", BLEU(tokenize="char")


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text)


# Sentencepiece models of spBLEU


class _Pieces(TokenizerSPM):  # type: ignore[misc]
    """sacreBLEU's tokenizer with a file of ours; its own constructor would download one."""

    def __init__(self, path: str, name: str) -> None:
        import sentencepiece

        self.name = name
        self.sp = sentencepiece.SentencePieceProcessor(model_file=path)


class _SpmModel(NamedTuple):
    metric: str
    path: Path
    tokenizer: _Pieces


class _SpmModels(NamedTuple):
    usable: list[_SpmModel]
    problems: list[str]


def spm_status() -> str:
    """One line: whether there is spBLEU, from which file, and what to do where there is none.

    The SPM-200 model is looked for at PLM_FLORES200_SPM, else where sacreBLEU keeps it, and taken
    by its SHA-256 alone. Another model is named with PLM_SPM; its metric is called
    `spBLEU-<file stem>`, never spBLEU.
    """
    models = _spm_models()
    return "; ".join([*(f"{m.metric} with {m.path}" for m in models.usable), *models.problems])


def flores200_pieces() -> Callable[[str], list[str]] | None:
    """How the SPM-200 model parts a text; None where `spm_status` says that it is not there."""
    for model in _spm_models().usable:
        if model.metric == "spBLEU":
            from sentencepiece import SentencePieceProcessor

            processor = SentencePieceProcessor(model_file=str(model.path))
            return partial(processor.encode, out_type=str)
    return None


def _spm_models() -> _SpmModels:
    found = _SpmModels([], [])
    named = os.environ.get("PLM_FLORES200_SPM")
    genuine = Path(named) if named else _sacrebleu_cache()
    if not genuine.is_file():
        found.problems.append(
            f"no spBLEU: there is no {genuine}; put the SPM-200 model there, or name it with "
            f"PLM_FLORES200_SPM (4,852,054 bytes, SHA-256 {FLORES200_SHA256})"
        )
    elif (sha256 := _sha256(genuine)) != FLORES200_SHA256:
        found.problems.append(
            f"no spBLEU: {genuine} is not the SPM-200 model, its SHA-256 is {sha256} and not "
            f"{FLORES200_SHA256}; to use it as a stand-in name it with PLM_SPM"
        )
    else:
        _add(found, "spBLEU", genuine, "flores200")
    if other := os.environ.get("PLM_SPM"):
        path = Path(other)
        if not path.is_file():
            found.problems.append(f"no stand-in: PLM_SPM is {path}, which does not exist")
        elif (sha256 := _sha256(path)) == FLORES200_SHA256:
            found.problems.append(f"{path} is the SPM-200 model: name it with PLM_FLORES200_SPM")
        else:
            _add(found, f"spBLEU-{path.stem}", path, f"spm-{sha256}")
    return found


def _add(models: _SpmModels, metric: str, path: Path, name: str) -> None:
    try:
        models.usable.append(_SpmModel(metric, path, _tokenizer(str(path), name, _sha256(path))))
    except ImportError:
        models.problems.append(f"no {metric}: install sentencepiece to use {path}")
    except (OSError, RuntimeError):
        models.problems.append(f"no {metric}: {path} is no sentencepiece model")


@lru_cache(maxsize=4)
def _tokenizer(path: str, name: str, sha256: str) -> _Pieces:
    """The tokenizer, loaded again when the file has changed."""
    return _Pieces(path, name)


def _sacrebleu_cache() -> Path:
    file = SPM_MODELS["flores200"]["url"].rsplit("/", 1)[-1]
    return Path(sacrebleu_utils.SACREBLEU_DIR, "models", file)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# What the metrics share


def _check_lengths(
    hypotheses: Sequence[str], references: Sequence[str], sources: Sequence[str] | None = None
) -> None:
    if len(hypotheses) != len(references) or not references:
        raise ValueError(
            f"{len(hypotheses)} hypotheses for {len(references)} references: nothing to score"
        )
    if sources is not None and len(sources) != len(references):
        raise ValueError(f"{len(sources)} sources for {len(references)} references")


def _resampled_sums(segments: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Column sums of RESAMPLES bootstrap resamples of the rows; the draws are sacreBLEU's."""
    draws, n = np.random.default_rng(SEED), len(segments)
    return np.stack(
        [np.bincount(draws.choice(n, size=n), minlength=n) @ segments for _ in range(RESAMPLES)]
    )


def _half_width(resampled: "np.ndarray[Any, Any]", n_segments: int) -> float | None:
    """Half the distance of the 2.5 % and 97.5 % quantiles; one segment has none."""
    return float(estimate_ci(resampled)[1]) if n_segments > 1 else None
