"""Every format gives the same rows, and a file that is not of its format is refused by place."""

import json
from pathlib import Path
from typing import Any

import polib
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxylm.errors import InputError, UsageError
from proxylm.readers import FORMATS, Read, Wanted, read_rows

PAIRS = [("Habari za asubuhi", "Good morning"), ("Karibu < sana >", "Very & welcome")]
MT = Wanted("mt", "swh_Latn", "eng_Latn")
INTENT = Wanted("intent", "swh_Latn")

TMX = """<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en"><seg>Good <bpt i="1">&lt;b&gt;</bpt>morning<ept i="1"/></seg></tuv>
    <tuv xml:lang="sw-KE"><seg>Habari za asubuhi</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>alone</seg></tuv></tu>
<tu><tuv xml:lang="SW"><seg>Karibu &lt; sana &gt;</seg></tuv>
    <tuv xml:lang="en"><seg>Very &amp; <hi>welcome</hi></seg></tuv></tu>
</body></tmx>"""
XLIFF_1 = """<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file source-language="en" target-language="sw" original="a" datatype="plaintext"><body>
<trans-unit id="1"><source>Good <g id="1">morning</g></source><target>Habari za asubuhi</target>
  <alt-trans><source>Good</source><target>Nzuri</target></alt-trans></trans-unit>
<trans-unit id="2"><source>New</source><target state="new">New</target></trans-unit>
<trans-unit id="3"><source>Very &amp; welcome</source><target>Karibu &lt; sana &gt;</target>
</trans-unit></body></file></xliff>"""
XLIFF_2 = """<xliff version="2.1" xmlns="urn:oasis:names:tc:xliff:document:2.0" srcLang="sw"
 trgLang="en"><file id="f"><unit id="1"><segment><source>Habari <pc id="1">za</pc> asubuhi</source>
<target>Good morning</target></segment><segment state="initial"><source>x</source></segment>
<segment state="final"><source>Karibu &lt; sana &gt;</source><target>Very &amp; welcome</target>
</segment></unit></file></xliff>"""


def catalogue(language: str = "sw") -> polib.POFile:
    made = polib.POFile()
    made.metadata = {"Language": language, "Content-Type": "text/plain; charset=UTF-8"}
    for text, label in PAIRS:
        made.append(polib.POEntry(msgid=label, msgstr=text))
    return made


def po(path: Path) -> None:
    made = catalogue()
    made.append(polib.POEntry(msgid="open", msgstr=""))
    made.append(polib.POEntry(msgid="close", msgstr="funga", flags=["fuzzy"]))
    made.save(str(path))


def lines(path: Path, values: list[Any]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def named(text: str, label: str) -> list[dict[str, str]]:
    return [{"id": "1", text: a, label: b} for a, b in PAIRS]


def csv(path: Path) -> None:
    path.write_text(
        'source,target\n"Habari za\nasubuhi",Good morning\n"Karibu < sana >",Very & welcome\n'
    )


WRITERS: dict[str, Any] = {
    "x.tsv": lambda path: path.write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS)),
    "x16.txt": lambda path: path.write_text("\n".join("\t".join(x) for x in PAIRS), "utf-16"),
    "x.csv": csv,
    "x.jsonl": lambda path: lines(path, named("source", "target")),
    "languages.jsonl": lambda path: lines(path, named("sw", "eng_Latn")),
    "hub.jsonl": lambda path: lines(path, [{"translation": {"sw": a, "en": b}} for a, b in PAIRS]),
    "x.parquet": lambda path: pq.write_table(pa.Table.from_pylist(named("src", "tgt")), path),
    "x.tmx": lambda path: path.write_text(TMX),
    "x.xlf": lambda path: path.write_text(XLIFF_1),
    "2.xliff": lambda path: path.write_text(XLIFF_2),
    "x.po": po,
    "x.mo": lambda path: catalogue().save_as_mofile(str(path)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_pairs(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    read = read_rows(tmp_path / name, MT)
    assert [(row.text, row.label) for row in read.rows] == PAIRS
    assert all(row.part is None for row in read.rows)


def test_what_a_format_marks_as_no_translation_is_left_out_and_named(tmp_path: Path) -> None:
    for name in ("x.po", "x.tmx", "x.xlf"):
        WRITERS[name](tmp_path / name)
    assert {x.reason for x in read_rows(tmp_path / "x.po", MT).left_out} == {
        "are not translated yet",
        "are marked fuzzy",
    }
    assert read_rows(tmp_path / "x.tmx", MT).left_out[0].place == "unit 2"
    assert len(read_rows(tmp_path / "x.xlf", MT).left_out) == 1


def test_columns_are_named_by_the_user_where_they_are_unusual(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record = {"saying": "habari", "means": "greet", "fold": "validation"}
    lines(path, [record, record | {"fold": "test"}])
    columns = {"text": "saying", "label": "means", "split": "fold"}
    row, _ = read_rows(path, INTENT._replace(columns=columns)).rows
    assert row == ("habari", "greet", "line 1", "dev")
    with pytest.raises(InputError, match=r"among saying, means, fold; .*--column text=NAME"):
        read_rows(path, INTENT)


MASSIVE = [
    {"id": "0", "locale": locale, "partition": part, "intent": "alarm_set", "utt": utt}
    | {"annot_utt": slots}
    for locale, part, utt, slots in (
        ("sw-KE", "train", "niamshe saa tatu leo", "niamshe [time : saa tatu] [date : leo]"),
        ("sw-KE", "test", "niamshe", "niamshe"),
        ("zh-CN", "test", "明天叫我", "[date : 明天]叫我"),
    )
]


def test_massive_brings_its_partitions_intents_and_slots(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    lines(path, MASSIVE)
    intents = read_rows(path, INTENT)
    assert intents.format == "massive"
    assert [(row.label, row.part) for row in intents.rows] == [
        ("alarm_set", "train"),
        ("alarm_set", "test"),
    ]
    (first, _) = read_rows(path, Wanted("slot", "swh_Latn")).rows
    assert (first.text, first.label) == ("niamshe saa tatu leo", "O B-time I-time B-date")
    (chinese,) = read_rows(path, Wanted("slot", "zho_Hans")).rows
    assert (chinese.text, chinese.label) == ("明 天 叫 我", "B-date I-date O O")
    with pytest.raises(InputError, match=r"no line is in fra_Latn; its locales: sw-KE, zh-CN"):
        read_rows(path, Wanted("intent", "fra_Latn"))


def test_conll_and_tagged_jsonl_give_the_same_slots(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text(
        "-DOCSTART- -X- O\n\n# a comment here\nwasha VB O\ntaa NN B-thing\n\n# O\n\n"
    )
    lines(tmp_path / "x.jsonl", [{"tokens": ["washa", "taa"], "tags": ["O", "B-thing"]}])
    wanted = Wanted("slot", "swh_Latn")
    rows = read_rows(tmp_path / "x.conll", wanted).rows
    assert rows[0] == ("washa taa", "O B-thing", "line 4", None)
    assert rows[1][:2] == ("#", "O")
    assert read_rows(tmp_path / "x.jsonl", wanted).rows[0][:2] == rows[0][:2]


def test_an_installed_package_gives_real_parallel_text() -> None:
    pytest.importorskip("django")
    read = read_rows(Path("django"), MT, "gettext-package")
    pairs = {row.label: row.text for row in read.rows}
    assert len(pairs) > 150
    assert pairs["Monday"] == "Jumatatu"
    swahili_french = read_rows(
        Path("django"), Wanted("mt", "swh_Latn", "fra_Latn"), "gettext-package"
    )
    assert ("Jumatatu", "lundi") in {(row.text, row.label) for row in swahili_french.rows}
    with pytest.raises(InputError, match="no catalogue in quy_Latn"):
        read_rows(Path("django"), Wanted("mt", "quy_Latn", "eng_Latn"), "gettext-package")


def test_a_hugging_face_folder_brings_its_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "data"
    folder.mkdir()
    lines(folder / "train.jsonl", named("text", "intent"))
    lines(folder / "test.jsonl", [{"text": "kwaheri", "intent": "leave"}])
    read = read_rows(folder, INTENT, "huggingface")
    assert [(row.text, row.part) for row in read.rows] == [
        (PAIRS[0][0], "train"),
        (PAIRS[1][0], "train"),
        ("kwaheri", "test"),
    ]
    assert read.rows[2].place == "test row 1"
    with pytest.raises(InputError, match="cannot be loaded"):
        read_rows(tmp_path / "absent", INTENT, "huggingface")


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><tmx>&b;</tmx>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><tmx>&a;</tmx>'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", b"", "the file is empty"),
        ("x.tsv", b"fine\tA\nno tab here\n", "line 2: 0 tabs"),
        ("x.tsv", b"a\tb\tc\n", "line 1: 2 tabs"),
        (
            "x.tsv",
            "fine\té\n".encode() + b"\xe9\tB\n\xe8\tB\n",
            "line 2: not UTF-8, like 1 more; o",
        ),
        ("x.csv", b"source,target\na,b\nc\n", "line 3: 1 columns, and 2 in line 1"),
        ("x.csv", b'source,target\na,"b\n', "not CSV"),
        ("x.csv", b"source,target\na," + b"b" * 200_000, "field larger than field limit"),
        ("x.jsonl", b'{"source": 1, "target": "b"}', "line 1: column 'source' holds int"),
        ("x.jsonl", b"\n[1]\n", "line 2: not a JSON object"),
        ("x.jsonl", b"[" * 100_000, "line 1: not JSON"),
        ("x.jsonl", b'{"source": "a", "target": "b", "split": "x"}', "there is no part 'x'"),
        ("x.csv", b"source,target,split\na,b,test\nc,d,\n", "line 3: names no part, other rows do"),
        ("x.csv", b"source,target,split\na,b,train\n", "its own partition, but no test rows"),
        ("x.parquet", b"PAR1", "not a readable Parquet file"),
        ("x.tmx", b"<tmx><body>", "not well-formed XML"),
        ("x.tmx", LAUGHS.encode(), "declares XML entities"),
        ("x.tmx", OUTSIDE.encode(), "declares XML entities"),
        ("x.tmx", b"<tmx>" + b"<tu><tuv lang='fr'/></tu>" * 2 + b"</tmx>", "its languages: fr"),
        ("x.xlf", XLIFF_1.replace('"sw"', '"fr"').encode(), "holds en and fr, not swh_Latn and"),
        ("x.xlf", b"<xliff/>", "no trans-unit and no segment"),
        ("x.po", b'msgid "a"\nmsgstr "b"\n', "the header names no language"),
        ("x.po", b"no catalogue", "not a gettext catalogue"),
        ("x.mo", b"\xde\x12\x04\x95\x00", "gettext catalogue"),
        ("x.zip", b"PK", "archives are not read"),
        ("x.docx", b"PK", "says no format; name it with --format (tsv, aligned, csv,"),
    ],
)
def test_a_bad_file_is_refused_with_name_and_place(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((InputError, UsageError)) as error:
        read_rows(path, MT)
    assert str(path) in str(error.value)
    assert message in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "huggingface"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "absent.x"
    task = {"massive": "intent", "conll": "slot"}.get(name, "mt")
    with pytest.raises((InputError, UsageError), match=r"absent\.x"):
        read_rows(path, Wanted(task, "swh_Latn", "eng_Latn", aligned=path), name)


def test_aligned_files_are_read_line_by_line(tmp_path: Path) -> None:
    source, target = tmp_path / "train.sw", tmp_path / "train.en"
    source.write_text("habari\u2028yako\r\nkwaheri\n", encoding="utf-8")
    target.write_text("hello\nbye\n", encoding="utf-8")
    read = read_rows(source, MT._replace(aligned=target))
    assert [row.text for row in read.rows] == ["habari\u2028yako", "kwaheri"]
    target.write_text("hello\n")
    with pytest.raises(InputError, match=r"train\.sw has 2 lines and .*train\.en has 1"):
        read_rows(source, MT._replace(aligned=target))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8"), min_size=1)] * 2), min_size=1))
def test_jsonl_and_parquet_agree_on_any_text(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    records = [{"source": a, "target": b} for a, b in pairs]
    lines(folder / "x.jsonl", records)
    pq.write_table(pa.Table.from_pylist(records), folder / "x.parquet")

    def texts(read: Read) -> list[tuple[str, str]]:
        return [(row.text, row.label) for row in read.rows]

    assert texts(read_rows(folder / "x.jsonl", MT)) == texts(read_rows(folder / "x.parquet", MT))
