"""Each metric against values worked out by hand and against the field's own tools."""

import hashlib
import json
import os
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu import utils as sacrebleu_utils
from seqeval.metrics import f1_score

from proxylm.errors import InputError
from proxylm.evaluation import metrics
from proxylm.evaluation.metrics import accuracy, measure, span_f1, spm_status, wilson_half_width
from tests.django_text import pairs

LINES = 120


def catalog(language: str) -> list[str]:
    """Real text in a language."""
    return list(pairs(language).labels)


def damaged(lines: list[str]) -> list[str]:
    """The lines with a fifth of the words missing and some out of place: a bad translation."""
    draw = random.Random(7)
    found = []
    for line in lines:
        words = [word for word in line.split() if draw.random() > 0.2]
        if draw.random() > 0.5:
            draw.shuffle(words)
        found.append(" ".join(words))
    return found


def with_mecab(module: str, tokenizer: str) -> tuple[str, str]:
    """Metric and tokenizer for a language that needs MeCab, which is not a requirement of ours."""
    return ("BLEU", tokenizer) if find_spec(module) else ("BLEU-char", "char")


@pytest.fixture(autouse=True)
def no_spm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder in place of sacreBLEU's, for this process and for those it starts."""
    for name in ("PLM_FLORES200_SPM", "PLM_SPM", "SACREBLEU_SEED", "SACREBLEU_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SACREBLEU", str(tmp_path / "sacrebleu"))
    monkeypatch.setattr(sacrebleu_utils, "SACREBLEU_DIR", str(tmp_path / "sacrebleu"))
    return tmp_path / "sacrebleu"


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sentencepiece model of German."""
    prefix = tmp_path_factory.mktemp("spm") / "german"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(catalog("de")),
        model_prefix=str(prefix),
        vocab_size=400,
        num_threads=1,
        minloglevel=2,
    )
    return prefix.with_suffix(".model")


def printed(
    folder: Path, hypotheses: list[str], references: list[str], *options: str
) -> dict[str, tuple[str, str, str]]:
    """What `sacrebleu --confidence` prints: metric to score, half-width and signature."""
    for name, lines in (("hypotheses", hypotheses), ("references", references)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "references", "-i", "hypotheses", "--quiet"]
    done = subprocess.run(
        [*command, *options, "--confidence", "--width", "6"],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )
    found = json.loads(done.stdout)
    return {
        row["name"]: (
            f"{row['score']:.6f}",
            f"{row['confidence_var']:.6f}",
            row["signature"],
        )
        for row in (found if isinstance(found, list) else [found])
    }


def measured(
    hypotheses: list[str], references: list[str], target_lang: str | None = None
) -> dict[str, tuple[str, str, str]]:
    return {
        m.metric: (f"{m.value:.6f}", f"{m.half_width:.6f}", m.signature)
        for m in measure("mt", hypotheses, references, target_lang=target_lang)
    }


def test_translation_metrics_are_those_of_the_sacrebleu_command_line(tmp_path: Path) -> None:
    references = catalog("de")[:LINES]
    hypotheses = damaged(references)
    ours = measured(hypotheses, references, "deu_Latn")
    theirs = printed(tmp_path, hypotheses, references, "-m", "bleu", "chrf", "ter")
    theirs |= printed(tmp_path, hypotheses, references, "-m", "chrf", "--chrf-word-order", "2")
    assert ours == theirs
    assert set(ours) == {"BLEU", "chrF2", "chrF2++", "TER"}
    assert "tok:13a" in ours["BLEU"][2]
    assert 20 < float(ours["BLEU"][0]) < 80


@pytest.mark.parametrize(
    ("catalogue", "target_lang", "metric", "tokenizer"),
    [
        ("zh_Hans", "zho_Hans", "BLEU", "zh"),
        ("zh_Hant", "yue_Hant", "BLEU", "zh"),
        ("ja", "jpn_Jpan", *with_mecab("MeCab", "ja-mecab")),
        ("ko", "kor_Hang", *with_mecab("mecab_ko", "ko-mecab")),
    ],
)
def test_bleu_of_text_that_13a_cannot_part_into_words(
    tmp_path: Path, catalogue: str, target_lang: str, metric: str, tokenizer: str
) -> None:
    references = [line.replace(" ", "") for line in catalog(catalogue)[:LINES]]
    hypotheses = [line[1:] for line in references]
    ours = measured(hypotheses, references, target_lang)
    theirs = printed(tmp_path, hypotheses, references, "-m", "bleu", "--tokenize", tokenizer)
    assert ours[metric] == theirs["BLEU"]
    assert sum(name.startswith("BLEU") for name in ours) == 1


def test_the_half_width_does_not_follow_sacrebleus_seed_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    references = catalog("de")[:20]
    before = measured(damaged(references), references)
    monkeypatch.setenv("SACREBLEU_SEED", "1")
    assert measured(damaged(references), references) == before


def test_a_line_break_inside_a_sentence_counts_as_a_space() -> None:
    one, two = ["Ein langer Satz, mit Komma."], ["Ein langer\r\nSatz, mit\nKomma."]
    assert measure("mt", two, one) == measure("mt", one, one)
    assert {m.value for m in measure("mt", two, one)} == {0.0, 100.0}  # TER and the others


def test_one_segment_has_no_half_width_from_a_bootstrap() -> None:
    assert {m.half_width for m in measure("mt", ["eins zwei"], ["eins drei"])} == {None}
    assert span_f1(["B-a O"], ["B-a O"]).half_width is None


def test_only_wanted_metrics_are_computed() -> None:
    asked = []

    def wanted(metric: str, signature: str) -> bool:
        asked.append((metric, signature))
        return metric == "TER"

    found = measure("mt", ["a b"] * 3, ["a c"] * 3, wanted=wanted)
    assert [m.metric for m in found] == ["TER"]
    assert (found[0].metric, found[0].signature) in asked
    assert measure("intent", ["a"], ["a"], wanted=wanted) == []


def test_without_its_tokenizer_there_is_no_spbleu_and_no_download(no_spm: Path) -> None:
    assert not [name for name in measured(["ein Satz"] * 2, ["ein Satz"] * 2) if "sp" in name]
    assert not no_spm.exists()
    assert spm_status().startswith(f"no spBLEU: there is no {no_spm / 'models'}")
    assert "PLM_FLORES200_SPM" in spm_status()


def test_another_model_at_sacrebleus_path_is_not_spbleu(no_spm: Path, spm: Path) -> None:
    path = no_spm / "models" / "flores200sacrebleuspm"
    path.parent.mkdir(parents=True)
    path.write_bytes(spm.read_bytes())
    assert not [name for name in measured(["ein Satz"] * 2, ["ein Satz"] * 2) if "sp" in name]
    digest = hashlib.sha256(spm.read_bytes()).hexdigest()
    assert f"{path} is not the SPM-200 model, its SHA-256 is {digest}" in spm_status()


def test_a_stand_in_has_its_own_name_and_its_hash_in_the_signature(
    monkeypatch: pytest.MonkeyPatch, spm: Path
) -> None:
    references = catalog("de")[:30]
    monkeypatch.setenv("PLM_SPM", str(spm))
    found = measured(damaged(references), references)
    assert "spBLEU" not in found
    digest = hashlib.sha256(spm.read_bytes()).hexdigest()
    assert f"|tok:spm-{digest}|" in found["spBLEU-german"][2]
    assert spm_status().startswith(f"spBLEU-german with {spm}; no spBLEU")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"no model", "is no sentencepiece model"), (None, "does not exist")]
)
def test_a_stand_in_that_cannot_be_used_is_named_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "bad.model"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("PLM_SPM", str(path))
    assert set(measured(["ein Satz"] * 2, ["ein Satz"] * 2)) == {"BLEU", "chrF2", "chrF2++", "TER"}
    assert reason in spm_status()
    assert len(spm_status().splitlines()) == 1


@pytest.mark.parametrize("named", [False, True])
def test_spbleu_is_that_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_spm: Path, spm: Path, named: bool
) -> None:
    """The real model is not at hand: sacreBLEU takes any file at its path, we one with the hash."""
    path = no_spm / "models" / "flores200sacrebleuspm"
    path.parent.mkdir(parents=True)
    path.write_bytes(spm.read_bytes())
    digest = hashlib.sha256(spm.read_bytes()).hexdigest()
    monkeypatch.setattr(metrics, "FLORES200_SHA256", digest)
    references = catalog("de")[:LINES]
    hypotheses = damaged(references)
    theirs = printed(tmp_path, hypotheses, references, "-m", "bleu", "--tokenize", "flores200")
    if named:
        monkeypatch.setenv("PLM_FLORES200_SPM", str(spm))
        path.unlink()
    assert measured(hypotheses, references)["spBLEU"] == theirs["BLEU"]
    assert spm_status() == f"spBLEU with {spm if named else path}"


# Slots


def test_span_f1_by_hand() -> None:
    found = span_f1(
        ["B-room I-room O", "B-name O O", "O O", "I-room"],
        ["B-room I-room O", "B-name I-name O", "B-x O", "B-room"],
    )
    # 2 of 3 found spans and of 4 true ones: the I- without a B- opens a span
    assert found.value == pytest.approx(100 * 2 * 2 / (3 + 4))
    assert (found.metric, found.n_segments) == ("f1", 4)
    assert span_f1(["O O"], ["O O"]).value == 0


TAGS = st.sampled_from(["O", "B-a", "I-a", "B-b-c", "I-b-c"])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6))
def test_span_f1_is_that_of_seqeval(lines: list[list[tuple[str, str]]]) -> None:
    said = [[pair[0] for pair in line] for line in lines]
    true = [[pair[1] for pair in line] for line in lines]
    ours = span_f1([" ".join(tags) for tags in said], [" ".join(tags) for tags in true])
    assert ours.value == pytest.approx(100 * f1_score(true, said, zero_division=0), abs=1e-9)


def test_the_half_width_of_f1_is_that_of_a_bootstrap_over_sentences_with_seqeval() -> None:
    draw = random.Random(3)
    tags = ["O", "B-a", "I-a", "B-b"]
    true = [[draw.choice(tags) for _ in range(6)] for _ in range(60)]
    said = [[t if draw.random() < 0.8 else draw.choice(tags) for t in line] for line in true]
    scores = []
    for _ in range(300):
        picked = draw.choices(range(60), k=60)
        scores.append(100 * f1_score([true[i] for i in picked], [said[i] for i in picked]))
    low, high = np.quantile(scores, [0.025, 0.975])
    ours = span_f1([" ".join(t) for t in said], [" ".join(t) for t in true])
    assert ours.half_width == pytest.approx((high - low) / 2, rel=0.2)


@pytest.mark.parametrize(
    ("hypothesis", "sources", "message"),
    [
        ("O O", None, "line 2 has 3 words, 3 tags in the reference and 2 in the hypothesis"),
        ("O O O", ["a b", "a b"], "line 2 has 2 words"),
        ("O X-a O", None, "line 2 has the tag 'X-a', which is not BIO"),
        ("O B- O", None, "not BIO"),
        ("O  O", None, "line 2 has the tag '', which is not BIO"),
    ],
)
def test_tags_that_cannot_be_scored(
    hypothesis: str, sources: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure("slot", ["O B-a", hypothesis], ["O B-a", "O O O"], sources)


# Intents


@pytest.mark.parametrize(
    ("correct", "n", "half_width"),
    [
        # z^2 = 3.841459; for 5 of 10: 1.959964 / 1.3841459 * sqrt(0.025 + 0.00960365)
        (5, 10, 0.263406),
        # for 0 of 10 the interval is 0 .. z^2 / (n + z^2) = 0.277533
        (0, 10, 0.138766),
        (10, 10, 0.138766),
        # for 150 of 200: 1.959964 / 1.0192073 * sqrt(0.0009375 + 0.0000240091)
        (150, 200, 0.059628),
    ],
)
def test_wilson_half_width(correct: int, n: int, half_width: float) -> None:
    assert wilson_half_width(correct, n) == pytest.approx(half_width, abs=1e-5)


def test_accuracy_is_0_to_100_and_says_how_it_was_measured() -> None:
    measured = accuracy(["a"] * 150 + ["b"] * 50, ["a"] * 200)
    assert measured.value == 75.0
    assert measured.half_width == pytest.approx(5.9628, abs=1e-3)
    assert measured.half_width_method == "wilson"
    assert measured.signature == "accuracy|n:200|v:1"
    assert (measured.metric, measured.n_segments) == ("accuracy", 200)


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_nothing_to_score_is_an_error(hypotheses: list[str], references: list[str]) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        accuracy(hypotheses, references)


def test_lists_that_do_not_fit_and_tasks_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="1 sources for 2 references"):
        measure("mt", ["a", "b"], ["a", "b"], ["a"])
    with pytest.raises(InputError, match=r"summaries.*mt, intent, slot"):
        measure("summaries", ["a"], ["a"])
