"""The experiment records published with ProxyLM (davidanugraha/proxylm, Apache-2.0) as records.

Reads the four files of the release: mt560, nusa, intent and slot. What is known of them:

* `*_se` of the MT metrics are sacreBLEU's bootstrap 95 % half-widths and are kept as such. COMET's
  is the standard deviation over segments; the half-width is 1.96 SD / sqrt(test size).
* COMET columns are called `*_comet_*` in mt560 and `*_comet_score_*` in nusa.
* Columns called "similarity" and "tf_idf" are distances, and "word" features are in effect
  character features. Names are kept, so that they can be compared with the paper's.
* The direction flag is `direction_indicator` in intent and `directional_indicator` in slot; it is
  stored under the first name.
* A zero-shot score does not depend on the training corpus; it stands again in every row of its
  test set and is stored once. A row that contradicts an earlier one is rejected.
* An empty score cell means that the score is absent. An empty feature cell likewise.

The costs of these runs were not published: NULL, never 0.
"""

import hashlib
import math
import re
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from proxylm import identity
from proxylm.errors import InputError, UsageError
from proxylm.imports import (
    ImportedRow,
    ImportedRows,
    Rejection,
    imported_evaluation,
    imported_run,
    number,
    read_csv,
)
from proxylm.landing import write_atomically
from proxylm.languages import resolve
from proxylm.records import Corpus, Feature, Language, Model, Run, Score, Setting

COMMIT = "ad0c95e"
SOURCE = f"proxylm@{COMMIT}"
FEATURE_SET = "proxylm-2024"
LICENCE = "Apache-2.0"
DOWNLOAD_URL = (
    "https://raw.githubusercontent.com/davidanugraha/proxylm/ad0c95e/"
    "src/proxy_regressor/csv_datasets/"
)
SHA256 = {
    "mt560_experiments.csv": "08cc181a2e5fff06ed3e703e2f5cf1a6d1e0f4b6eb7bfff423e54ba5fcf2c2c2",
    "nusa_experiments.csv": "142ba9df5cccb54be266d0f183f03a291a5e3135de0463588107aa7475bdc990",
    "intent_experiments.csv": "ed49b08e51e50fe551c72d9f84881ccb69066e6a6afc53823603dcbe2054e3ce",
    "slot_experiments.csv": "063175ff453f2d2ebe09bac5a4f6d34eb8daf4560022eae40defae83ad8413db",
}


class _PublishedModel(NamedTuple):
    model_id: str
    architecture: str
    n_parameters: int | None
    proxy_modes: tuple[str, ...]
    estimated_modes: tuple[str, ...]


_ESTIMATED: tuple[tuple[str, ...], tuple[str, ...]] = ((), ("fine_tuned",))
MODELS = {
    "m2m100": _PublishedModel("m2m100-1.2b", "encoder-decoder", 1_200_000_000, *_ESTIMATED),
    "nllb": _PublishedModel("nllb-1.3b", "encoder-decoder", 1_300_000_000, *_ESTIMATED),
    "small100": _PublishedModel(
        "small100", "encoder-decoder", 330_000_000, ("zero_shot", "fine_tuned"), ()
    ),
    "trfm": _PublishedModel("transformer-6x512", "encoder-decoder", None, ("from_scratch",), ()),
    "aya": _PublishedModel("aya-23-8b", "decoder-only", 8_000_000_000, *_ESTIMATED),
    "llama3": _PublishedModel("llama-3-8b", "decoder-only", 8_000_000_000, *_ESTIMATED),
    "smollm_135m": _PublishedModel("smollm-135m", "decoder-only", 135_000_000, ("fine_tuned",), ()),
    "smollm_360m": _PublishedModel("smollm-360m", "decoder-only", 360_000_000, ("fine_tuned",), ()),
    "bloomz_560m": _PublishedModel("bloomz-560m", "decoder-only", 560_000_000, ("fine_tuned",), ()),
}
"""Column prefix in the release to the model it means, with the paper's sizes and roles."""

_MT_METRICS = r"spBLEU|BLEU|chrF2\+\+|chrF2|TER|comet"
_MT_COLUMN = re.compile(
    rf"(?P<model>m2m100|nllb|small100|trfm)(?:_(?P<mode>ft|noft))?"
    rf"_(?P<metric>{_MT_METRICS})(?:_score)?_(?P<part>mean|se)"
)
_LABEL_COLUMN = re.compile(
    r"(?P<model>aya|llama3|smollm_135m|smollm_360m|bloomz_560m)_(?P<metric>accuracy|f1)"
)
_MODES = {"ft": "fine_tuned", "noft": "zero_shot", None: "from_scratch"}
_LANGUAGE_FEATURES = (
    "genetic",
    "geographic",
    "syntactic",
    "inventory",
    "phonological",
    "featural",
)
_TEXT_FEATURES = (
    "train_word_vocab_size",
    "test_word_vocab_size",
    "avg_train_sentence_length",
    "avg_test_sentence_length",
    "train_test_word_overlap",
    "ttr_train",
    "ttr_test",
    "train_test_ttr_distance",
    "train_test_jsd",
    "train_test_tf_idf",
    "train_test_st_similarity",
)
_DEV_FEATURES = (
    "dev_size",
    "test_size",
    "dev_word_vocab_size",
    "avg_dev_sentence_length",
    "train_dev_word_overlap",
    "dev_test_word_overlap",
    "ttr_dev",
    "train_dev_ttr_distance",
    "dev_test_ttr_distance",
    "train_dev_jsd",
    "dev_test_jsd",
    "train_dev_tf_idf",
    "dev_test_tf_idf",
    "train_dev_st_similarity",
    "dev_test_st_similarity",
)
_DIRECTIONS = ("direction_indicator", "directional_indicator")


def read_records(path: Path) -> ImportedRows:
    """Read one file of the release.

    Raises InputError where the file as a whole cannot be read: absent, empty, not UTF-8, or
    without the columns of one of the four files. Rows that cannot be used are in `rejected`.
    """
    lines = read_csv(path)
    _, header = next(lines)
    task, known = _columns(path, header)
    reader = _Reader(path.name, task, known)
    result = ImportedRows(path, [], [], [_model(m) for m in MODELS.values()])
    for line, cells in lines:
        try:
            if len(cells) != len(header):
                raise InputError(f"{len(cells)} cells where the header has {len(header)}")
            result.rows.append(reader.row(line, dict(zip(header, cells, strict=True))))
        except (InputError, UsageError) as error:
            result.rejected.append(Rejection(line, str(error)))
    return result


def files_in(folder: Path) -> list[Path]:
    """The release's files that a folder holds. Raises InputError where it holds none."""
    found = [folder / name for name in SHA256 if (folder / name).exists()]
    if not found:
        raise InputError(
            f"{folder} holds none of {', '.join(SHA256)}; "
            "name the folder with the published records"
        )
    return found


def download(folder: Path, base_url: str = DOWNLOAD_URL) -> list[Path]:
    """Fetch the four files of the pinned commit into `folder`; returns their paths.

    Raises InputError when a file cannot be fetched or its SHA-256 is not the pinned one; then
    nothing is written under its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, expected in SHA256.items():
        url = base_url.rstrip("/") + "/" + name
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                data = response.read()
        except (urllib.error.URLError, OSError) as error:
            raise InputError(
                f"{url} cannot be fetched ({error}); download it by hand and pass the file"
            ) from None
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise InputError(
                f"{url} has SHA-256 {found}, expected {expected}; it is not the pinned release "
                "and was not kept"
            )
        write_atomically(folder / name, data)
        paths.append(folder / name)
    return paths


def _columns(path: Path, header: list[str]) -> tuple[str, "_Columns"]:
    """Task and columns of a header, or InputError naming what is missing or doubled."""
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise InputError(f"{path}: column {doubled[0]} stands twice in the header")
    names = set(header)
    mt = {m[0]: m for name in header if (m := _MT_COLUMN.fullmatch(name))}
    label = {m[0]: m for name in header if (m := _LABEL_COLUMN.fullmatch(name))}
    if mt:
        task = "mt"
        required = {"source_lang", "target_lang", "train_dataset", "dataset_size", "test_dataset"}
        required |= {*_LANGUAGE_FEATURES, *_TEXT_FEATURES, *_DEV_FEATURES}
    elif label:
        task = "intent" if any(m["metric"] == "accuracy" for m in label.values()) else "slot"
        required = {"source_lang", "target_lang", *_LANGUAGE_FEATURES, *_TEXT_FEATURES}
    else:
        raise InputError(
            f"{path} is none of the four files of the ProxyLM release (mt560, nusa, intent, slot): "
            "no score column such as m2m100_ft_spBLEU_mean or aya_accuracy; for your own scores "
            "use `plm-admin import-scores`"
        )
    if missing := sorted(required - names):
        raise InputError(f"{path}: column {', '.join(missing)} is missing")
    features = [
        name
        for name in header
        if name
        in (*_LANGUAGE_FEATURES, *_TEXT_FEATURES, *_DEV_FEATURES, *_DIRECTIONS, "eng_target")
    ]
    keys = ("source_lang", "target_lang", "train_dataset", "dataset_size", "test_dataset")
    if unknown := sorted(names - {*mt, *label, *features, *keys}):
        raise InputError(f"{path}: column {unknown[0]} is not one of the release's")
    scores: dict[tuple[str, str], list[re.Match[str]]] = {}
    for match in mt.values():
        if match["part"] == "mean":
            scores.setdefault((match["model"], _MODES[match["mode"]]), []).append(match)
    for match in label.values():
        scores.setdefault((match["model"], "fine_tuned"), []).append(match)
    return task, _Columns(scores, {m[0] for m in mt.values() if m["part"] == "se"}, features)


class _Columns(NamedTuple):
    scores: dict[tuple[str, str], list[re.Match[str]]]  # (column prefix, mode) to columns
    half_widths: set[str]
    features: list[str]


def _model(published: _PublishedModel) -> Model:
    return Model(
        published.model_id,
        "published",
        published.architecture,
        published.n_parameters,
        published.proxy_modes,
        published.estimated_modes,
        SOURCE,
    )


class _Reader:
    """Turns rows into records; remembers keys to find rows that repeat or contradict."""

    def __init__(self, file: str, task: str, columns: _Columns) -> None:
        self.file = file
        self.task = task
        self.columns = columns
        self.settings: dict[str, int] = {}
        self.scores: dict[str, tuple[float, int]] = {}

    def row(self, line: int, cells: dict[str, str]) -> ImportedRow:
        languages = [resolve(cells[side].strip()) for side in ("source_lang", "target_lang")]
        source, target = languages[0].code, languages[1].code
        train, test, size = self._corpora(cells)
        key = identity.setting_key(self.task, source, target, train, size, test)
        if key in self.settings:
            raise InputError(f"the same setting as line {self.settings[key]}")
        row = ImportedRow(line)
        row.setting = Setting(
            key,
            self.task,
            source,
            target,
            train,
            size,
            test,
            identity.run_group(self.task, source, target, train, size),
        )
        for name in self.columns.features:
            if cells[name].strip():
                stored = _DIRECTIONS[0] if name in _DIRECTIONS else name
                value = number(cells[name], name)
                row.features.append(Feature(key, FEATURE_SET, stored, value, False))
        for (model, mode), matches in self.columns.scores.items():
            if present := [match for match in matches if cells[match[0]].strip()]:
                self._scores(row, cells, MODELS[model], mode, present)
        if not row.scores:
            raise InputError("no score in the row")
        self.settings[key] = line
        self.scores.update({score.score_key: (score.value, line) for score in row.scores})
        row.languages = [
            Language(x.code, x.name, x.script, x.script_assumed, x.spelling, SOURCE)
            for x in languages
        ]
        row.corpora = self._corpus_records(cells, row.setting)
        return row

    def _corpora(self, cells: dict[str, str]) -> tuple[str, str, int | None]:
        if self.task != "mt":
            return "massive", "massive", None
        train, test = cells["train_dataset"].strip(), cells["test_dataset"].strip()
        if not train or not test:
            raise InputError(f"{'test' if train else 'train'}_dataset is empty")
        size = number(cells["dataset_size"], "dataset_size")
        if size != int(size) or size < 0:
            raise InputError(f"dataset_size is {cells['dataset_size']!r}, not a number of lines")
        return train, test, int(size)

    def _scores(
        self,
        row: ImportedRow,
        cells: dict[str, str],
        model: _PublishedModel,
        mode: str,
        columns: list[re.Match[str]],
    ) -> None:
        """Adds the run, the evaluation and the scores of one model in one mode."""
        setting = row.setting
        assert setting is not None
        n_segments = int(number(cells["test_size"], "test_size")) if self.task == "mt" else None
        run = self._run(model, mode, setting)
        evaluation = imported_evaluation(
            run, setting, _fingerprint(setting.test_corpus), n_segments
        )
        row.runs.append(run)
        row.evaluations.append(evaluation)
        for match in columns:
            metric = match["metric"]
            value = number(cells[match[0]], match[0])
            half_width, method = self._half_width(cells, match, n_segments)
            signature = f"{metric}|published:{SOURCE}"
            key = identity.score_key(evaluation.evaluation_key, metric, signature)
            if key in self.scores and self.scores[key][0] != value:
                other, line = self.scores[key]
                raise InputError(
                    f"{match[0]} is {value:g} here and {other:g} in line {line}, but does not "
                    "depend on the training corpus"
                )
            row.scores.append(
                Score(
                    key,
                    evaluation.evaluation_key,
                    metric,
                    value,
                    half_width,
                    method,
                    n_segments,
                    signature,
                    "imported",
                    f"{self.file}:{row.line}",
                )
            )

    def _half_width(
        self, cells: dict[str, str], match: re.Match[str], n_segments: int | None
    ) -> tuple[float | None, str | None]:
        column = re.sub("_mean$", "_se", match[0])
        if column not in self.columns.half_widths or not cells[column].strip():
            return None, None
        value = number(cells[column], column)
        if value < 0:
            raise InputError(f"{column} is {value:g}, below 0")
        if match["metric"] != "comet":
            return value, "sacrebleu bootstrap 95 %"
        if not n_segments:
            raise InputError(f"test_size is {cells['test_size']!r}; COMET's half-width needs it")
        return 1.96 * value / math.sqrt(n_segments), "1.96 segment SD / sqrt(n)"

    def _run(self, model: _PublishedModel, mode: str, setting: Setting) -> Run:
        trained = mode != "zero_shot"
        both = (setting.source_lang, setting.target_lang)
        languages = (both if self.task == "mt" else both[:1]) if trained else ()
        corpus = setting.train_corpus if trained else None
        size = setting.train_size if trained else None
        fingerprint = _fingerprint(corpus) if corpus else None
        return imported_run(
            model_id=model.model_id,
            revision="published",
            mode=mode,
            recipe="published",
            seed="published",
            train_corpus=corpus,
            train_fingerprint=fingerprint,
            train_size=size,
            languages=languages,
            source=SOURCE,
        )

    def _corpus_records(self, cells: dict[str, str], setting: Setting) -> list[Corpus]:
        if self.task != "mt":
            return [
                _corpus("massive", lang, lang, self.task)
                for lang in (setting.source_lang, setting.target_lang)
            ]
        source, target = setting.source_lang, setting.target_lang
        train = _corpus(setting.train_corpus, source, target, self.task)
        test = _corpus(setting.test_corpus, source, target, self.task)
        return [
            replace(train, n_train=setting.train_size),
            replace(test, n_test=int(number(cells["test_size"], "test_size"))),
        ]


def _fingerprint(corpus: str) -> str:
    return f"published:{SOURCE}:{corpus}"


def _corpus(name: str, source: str, target: str, task: str) -> Corpus:
    return Corpus(name, source, target, _fingerprint(name), task, None, None, None, None, SOURCE)
