"""CTranslate2 against the torch search on the same models."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
from sacrebleu.metrics import CHRF

from proxylm.errors import InputError
from proxylm.evaluation.ct2 import Ct2Translator, convert
from proxylm.evaluation.search import generate
from tests.proxylm.evaluation.tiny_translators import FAMILIES, Tiny, trained

pytest.importorskip("ctranslate2", reason="needs the extra ct2")


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return trained(request.param, tmp_path_factory.mktemp("models") / request.param)


def with_ct2(tiny: Tiny, precision: str, beam: int = 1, max_tokens: int = 40) -> list[list[int]]:
    found = Ct2Translator(tiny.folder, precision).generate(
        [tiny.tokenizer.convert_ids_to_tokens(row) for row in tiny.rows],
        tiny.prefix or None,
        beam=beam,
        length_penalty=1.0,
        max_tokens=max_tokens,
        budget=4096,
    )
    return [tiny.tokenizer.convert_tokens_to_ids(row) for row in found]


def with_torch(tiny: Tiny, **options: int) -> list[list[int]]:
    return generate(tiny.model, tiny.rows, **{**tiny.search, **options})


def equal(some: list[list[int]], others: list[list[int]]) -> int:
    return sum(map(list.__eq__, some, others))


def test_greedy_outputs_in_fp32_are_those_of_torch(tiny: Tiny) -> None:
    # For Marian this holds only if the trained row of the pad token is kept.
    assert with_ct2(tiny, "fp32") == with_torch(tiny)
    assert with_ct2(tiny, "fp32", max_tokens=5) == with_torch(tiny, max_tokens=5)


def test_int8_says_nearly_the_same(tiny: Tiny) -> None:
    exact = tiny.tokenizer.batch_decode(with_torch(tiny, max_tokens=12))
    coarse = tiny.tokenizer.batch_decode(with_ct2(tiny, "int8", max_tokens=12))
    assert CHRF().corpus_score(coarse, [exact]).score > 70


def test_beams_are_mostly_those_of_torch(tiny: Tiny) -> None:
    found = with_ct2(tiny, "fp32", beam=3, max_tokens=15)
    assert equal(found, with_torch(tiny, beam=3, max_tokens=15)) > 0.6 * len(tiny.rows)


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return trained("marian", tmp_path_factory.mktemp("models") / "marian", steps=30)


def test_a_model_is_converted_once_and_anew_when_its_weights_change(
    marian: Tiny, tmp_path: Path
) -> None:
    folder, cache = tmp_path / "model", tmp_path / "cache"
    shutil.copytree(marian.folder, folder)
    path = convert(folder, "fp32", cache)
    made = (path / "model.bin").stat()
    assert convert(folder, "fp32", cache) == path
    assert (path / "model.bin").stat() == made
    int8 = convert(folder, "int8", cache)
    assert (int8 / "model.bin").stat().st_size < 0.5 * made.st_size
    marian.model.get_encoder().layers[0].fc1.bias.data[0] += 1
    marian.model.save_pretrained(folder)
    assert convert(folder, "fp32", cache) not in (path, int8)
    assert len(list(cache.iterdir())) == 3  # and nothing left over


def test_threads_and_budget_change_no_output(marian: Tiny) -> None:
    tokens = [marian.tokenizer.convert_ids_to_tokens(row) for row in marian.rows]
    options = {"beam": 1, "length_penalty": 1.0, "max_tokens": 20}
    usual = Ct2Translator(marian.folder, "fp32").generate(tokens, None, budget=4096, **options)
    torch.set_num_threads(2)
    two = Ct2Translator(marian.folder, "fp32")
    torch.set_num_threads(1)
    assert two.generate(tokens, None, budget=30, **options) == usual
    assert two.generate([], None, budget=30, **options) == []


def test_an_unknown_family_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "led"}')
    with pytest.raises(InputError, match=r"cannot convert this model.*LEDConfig"):
        Ct2Translator(tmp_path, "fp32", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_precision_that_is_not_there_is_refused(marian: Tiny) -> None:
    import ctranslate2

    with pytest.raises(InputError, match="has no precision int4; it has fp32, bf16, fp16, int8"):
        Ct2Translator(marian.folder, "int4")
    if "float16" not in ctranslate2.get_supported_compute_types("cpu"):
        with pytest.raises(InputError, match="does not compute in fp16 on this cpu"):
            Ct2Translator(marian.folder, "fp16")


def test_without_the_package_its_extra_is_named(
    marian: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(InputError, match=r"pip install 'proxylm-ops\[ct2\]'"):
        Ct2Translator(marian.folder, "fp32")
