"""The published records: every row accounted for, known traits handled, bad rows named."""

import csv
import hashlib
import http.server
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxylm import published
from proxylm.errors import InputError
from proxylm.imports import ImportedRows
from proxylm.published import download, read_records

HEADERS = {
    "intent": ["source_lang", "target_lang", "aya_accuracy", "smollm_135m_accuracy"],
    "slot": ["source_lang", "target_lang", "aya_f1", "llama3_f1"],
}
FEATURES = [*published._LANGUAGE_FEATURES, *published._TEXT_FEATURES]
MT_KEYS = ["source_lang", "target_lang", "train_dataset", "dataset_size", "test_dataset"]
MT_SCORES = [
    f"{model}_{metric}_{part}"
    for model in ("m2m100_ft", "m2m100_noft", "trfm")
    for metric in ("spBLEU", "comet")
    for part in ("mean", "se")
]
MT_FEATURES = [*FEATURES, *published._DEV_FEATURES, "eng_target"]

Row = dict[str, str]
Read = Callable[[list[str], list[Row]], ImportedRows]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write rows as CSV and read them."""

    def write_and_read(header: list[str], rows: list[Row]) -> ImportedRows:
        path = tmp_path / "records.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, header)
            writer.writeheader()
            writer.writerows(rows)
        return read_records(path)

    return write_and_read


def mt_row(**changes: str) -> Row:
    row = dict.fromkeys(MT_SCORES + MT_FEATURES, "0.5")
    row |= dict(zip(MT_KEYS, ["swh", "eng", "bible", "1000", "flores"], strict=True))
    return {**row, "test_size": "100.0", **changes}


def label_row(task: str, direction: str, **changes: str) -> Row:
    row = dict.fromkeys([*HEADERS[task], *FEATURES, direction], "50")
    return {**row, "source_lang": "sw", "target_lang": "zh-TW", **changes}


MT_HEADER = MT_KEYS + MT_SCORES + MT_FEATURES
INTENT_HEADER = [*HEADERS["intent"], *FEATURES, "direction_indicator"]
SLOT_HEADER = [*HEADERS["slot"], *FEATURES, "directional_indicator"]


def test_an_mt_row_becomes_a_setting_scores_and_features(read: Read) -> None:
    bundle = read(MT_HEADER, [mt_row(m2m100_ft_spBLEU_mean="31.5")]).bundle
    (setting,) = bundle.settings
    assert (setting.source_lang, setting.target_lang) == ("swh_Latn", "eng_Latn")
    assert (setting.train_corpus, setting.train_size, setting.test_corpus) == (
        "bible",
        1000,
        "flores",
    )
    assert setting.run_group == "bible:1000:swh_Latn-eng_Latn"
    assert len(bundle.scores) == 6
    assert {f.name for f in bundle.features} == set(MT_FEATURES)
    modes = {(run.model_id, run.mode) for run in bundle.runs}
    assert modes == {
        ("m2m100-1.2b", "fine_tuned"),
        ("m2m100-1.2b", "zero_shot"),
        ("transformer-6x512", "from_scratch"),
    }
    assert all(run.wall_seconds is None and run.origin == "imported" for run in bundle.runs)
    fingerprints = {run.train_fingerprint for run in bundle.runs}
    assert fingerprints == {"published:proxylm@ad0c95e:bible", None}


def test_half_widths_are_kept_and_comets_standard_deviation_is_turned_into_one(
    read: Read,
) -> None:
    row = mt_row(m2m100_ft_spBLEU_se="0.7", m2m100_ft_comet_se="0.12", test_size="400.0")
    scores = read(MT_HEADER, [row]).bundle.scores
    by_metric = {s.metric: s for s in scores if s.source.endswith(":2")}
    bleu = next(s for s in scores if s.metric == "spBLEU" and s.half_width == 0.7)
    assert bleu.half_width_method == "sacrebleu bootstrap 95 %"
    comet = next(s for s in scores if s.half_width and s.half_width < 0.05)
    assert comet.half_width == pytest.approx(1.96 * 0.12 / math.sqrt(400))
    assert set(by_metric) == {"spBLEU", "comet"}


def test_the_comet_columns_of_nusa_are_the_same_metric(read: Read) -> None:
    header = [name.replace("_comet_", "_comet_score_") for name in MT_HEADER]
    row = {k.replace("_comet_", "_comet_score_"): v for k, v in mt_row().items()}
    scores = read(header, [row]).bundle.scores
    assert {s.metric for s in scores} == {"spBLEU", "comet"}
    assert len(scores) == 6


@pytest.mark.parametrize(
    ("task", "header", "direction", "metric"),
    [
        ("intent", INTENT_HEADER, "direction_indicator", "accuracy"),
        ("slot", SLOT_HEADER, "directional_indicator", "f1"),
    ],
)
def test_intent_and_slot_rows(
    read: Read, task: str, header: list[str], direction: str, metric: str
) -> None:
    bundle = read(header, [label_row(task, direction)]).bundle
    (setting,) = bundle.settings
    assert (setting.task, setting.source_lang, setting.target_lang) == (
        task,
        "swh_Latn",
        "zho_Hant",
    )
    assert setting.train_corpus == setting.test_corpus == "massive"
    assert setting.run_group == "massive:swh_Latn"
    assert {s.metric for s in bundle.scores} == {metric}
    assert "direction_indicator" in {f.name for f in bundle.features}
    assert {run.languages for run in bundle.runs} == {("swh_Latn",)}


def test_a_zero_shot_score_is_stored_once_however_many_training_corpora(read: Read) -> None:
    rows = [mt_row(), mt_row(train_dataset="other")]
    scores = read(MT_HEADER, rows).bundle.scores
    assert len(scores) == 6 + 4  # the second row adds fine-tuned and from-scratch ones only


def test_a_zero_shot_score_that_contradicts_itself_is_rejected_with_both_values(
    read: Read,
) -> None:
    rows = [mt_row(), mt_row(train_dataset="other", m2m100_noft_spBLEU_mean="9")]
    imported = read(MT_HEADER, rows)
    assert [(r.line, "9 here and 0.5 in line 2" in r.reason) for r in imported.rejected] == [
        (3, True)
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source_lang": "xxq"}, "unknown language"),
        ({"dataset_size": "many"}, "dataset_size is 'many', not a number"),
        ({"dataset_size": "10.5"}, "not a number of lines"),
        ({"m2m100_ft_spBLEU_mean": "nan"}, "not a finite number"),
        ({"m2m100_ft_spBLEU_mean": "12,5"}, "m2m100_ft_spBLEU_mean is '12,5', not a number"),
        ({"genetic": "inf"}, "genetic is 'inf'"),
        ({"m2m100_ft_spBLEU_se": "-1"}, "below 0"),
        ({"train_dataset": " "}, "train_dataset is empty"),
        ({"test_size": ""}, "test_size is ''"),
        (dict.fromkeys(MT_SCORES, ""), "no score"),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_the_others_are_kept(
    read: Read, changes: Row, reason: str
) -> None:
    imported = read(MT_HEADER, [mt_row(), mt_row(**{"train_dataset": "b", **changes})])
    assert [rejection.line for rejection in imported.rejected] == [3]
    assert reason in imported.rejected[0].reason
    assert imported.read == 2
    assert len(imported.rows) == 1


def test_a_repeated_setting_is_rejected_naming_the_first_line(read: Read) -> None:
    imported = read(MT_HEADER, [mt_row(), mt_row()])
    assert "the same setting as line 2" in imported.rejected[0].reason


def test_a_row_with_too_few_cells_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    path.write_text(",".join(INTENT_HEADER) + "\nsw,fr\n")
    imported = read_records(path)
    assert [(r.line, r.reason) for r in imported.rejected] == [
        (2, f"2 cells where the header has {len(INTENT_HEADER)}")
    ]


def test_an_empty_score_cell_is_an_absent_score(read: Read) -> None:
    imported = read(MT_HEADER, [mt_row(trfm_comet_mean="", trfm_comet_se="")])
    assert imported.rejected == []
    assert len(imported.bundle.scores) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"source_lang,\xff\n", "not UTF-8"),
        (b"a,b\n1,2\n", "none of the four files"),
        (b"source_lang,target_lang,aya_accuracy\nsw,fr,3\n", "is missing"),
        (b"aya_accuracy,aya_accuracy\n1,2\n", "stands twice"),
        (b'aya_accuracy,"open\n1', "not CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_records(path)
    assert str(path) in str(caught.value)


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent.csv: No such file"):
        read_records(tmp_path / "absent.csv")


def test_an_unknown_column_is_refused(read: Read) -> None:
    with pytest.raises(InputError, match="column surprise is not one of the release's"):
        read([*INTENT_HEADER, "surprise"], [])


@pytest.mark.parametrize(
    ("name", "rows", "evaluations", "scores", "run_groups"),
    [("mt560", 1954, 9430, 56580, 276), ("intent", 2601, 13005, 13005, 51)],
)
def test_the_published_files_are_read_whole(
    records: Path, name: str, rows: int, evaluations: int, scores: int, run_groups: int
) -> None:
    imported = read_records(records / f"{name}_experiments.csv")
    assert (imported.read, len(imported.rejected)) == (rows, 0)
    bundle = imported.bundle
    assert len(bundle.settings) == rows
    assert (len(bundle.evaluations), len(bundle.scores)) == (evaluations, scores)
    assert len({s.run_group for s in bundle.settings}) == run_groups
    assert len({run.training_key for run in bundle.runs}) == len(bundle.runs)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A web server with four small files whose sums are the pinned ones, and their folder."""
    folder = tmp_path / "release"
    folder.mkdir()
    sums = {}
    for name in published.SHA256:
        data = f"content of {name}".encode()
        (folder / name).write_bytes(data)
        sums[name] = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(published, "SHA256", sums)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)  # type: ignore[arg-type]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_download_fetches_all_four_and_checks_their_sums(
    release: tuple[str, Path], tmp_path: Path
) -> None:
    paths = download(tmp_path / "fetched", release[0])
    assert [path.name for path in paths] == list(published.SHA256)
    assert all(path.is_file() for path in paths)


def test_download_refuses_another_content_and_keeps_none_of_it(
    release: tuple[str, Path], tmp_path: Path
) -> None:
    (release[1] / "mt560_experiments.csv").write_bytes(b"another")
    with pytest.raises(InputError, match="not the pinned release"):
        download(tmp_path / "fetched", release[0])
    assert not (tmp_path / "fetched" / "mt560_experiments.csv").exists()


def test_download_says_what_could_not_be_fetched(release: tuple[str, Path], tmp_path: Path) -> None:
    (release[1] / "nusa_experiments.csv").unlink()
    with pytest.raises(InputError, match=r"nusa_experiments.csv cannot be fetched .*404"):
        download(tmp_path / "fetched", release[0])
