"""Greedy and beam search against transformers' own generation, one row at a time."""

from typing import Any

import pytest
import torch

from proxylm.evaluation.search import generate
from tests.proxylm.evaluation.tiny_translators import FAMILIES, Tiny, own, trained


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return trained(request.param, tmp_path_factory.mktemp("models") / request.param)


def test_greedy_outputs_are_those_of_transformers(tiny: Tiny) -> None:
    found = generate(tiny.model, tiny.rows, **tiny.search)
    assert found == [own(tiny, row) for row in tiny.rows]
    lengths = {len(row) for row in found}
    assert len(lengths) > 5  # they ended at many different steps
    assert min(lengths) < 40


def test_the_budget_changes_no_output(tiny: Tiny) -> None:
    usual = generate(tiny.model, tiny.rows, **tiny.search)
    assert generate(tiny.model, tiny.rows, **{**tiny.search, "budget": 60}) == usual
    assert generate(tiny.model, tiny.rows[::-1], **tiny.search) == usual[::-1]
    assert generate(tiny.model, [], **tiny.search) == []


def test_beams_are_those_of_transformers(tiny: Tiny) -> None:
    rows = tiny.rows[:12]
    options = {"beam": 3, "length_penalty": 0.6, "max_tokens": 15}
    found = generate(tiny.model, rows, **{**tiny.search, **options})
    expected = [own(tiny, r, num_beams=3, length_penalty=0.6, max_new_tokens=15) for r in rows]
    assert sum(map(list.__eq__, found, expected)) >= 11


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return trained("marian", tmp_path_factory.mktemp("models") / "marian", steps=90)


def test_little_is_computed_for_rows_that_have_ended(marian: Tiny) -> None:
    steps: list[int] = []
    encoded: list[int] = []

    def count(into: list[int]) -> Any:
        return lambda module, inputs, output: into.append(output.last_hidden_state.shape[0])

    decoder = marian.model.get_decoder().register_forward_hook(count(steps))
    encoder = marian.model.get_encoder().register_forward_hook(count(encoded))
    found = generate(marian.model, marian.rows, **marian.search)
    decoder.remove()
    encoder.remove()
    assert sum(encoded) == len(marian.rows)
    needed = sum(min(40, len(row) + 1) for row in found)
    assert needed <= sum(steps) <= 1.1 * needed
    assert sum(steps) < 0.7 * len(marian.rows) * len(steps)


def test_where_memory_runs_out_the_outputs_are_the_same(
    marian: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = generate(marian.model, marian.rows, **marian.search)
    forward, refused = marian.model.forward, []

    def scarce(**arguments: Any) -> Any:
        if len(arguments["decoder_input_ids"]) > 10:
            refused.append(len(arguments["decoder_input_ids"]))
            raise MemoryError
        return forward(**arguments)

    monkeypatch.setattr(marian.model, "forward", scarce)
    assert generate(marian.model, marian.rows, **marian.search) == usual
    assert refused


def test_banned_tokens_are_never_written(marian: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = generate(marian.model, marian.rows, **marian.search)
    first, second = sorted({token for row in usual for token in row[:2]})[:2]
    config = marian.model.generation_config
    monkeypatch.setattr(config, "bad_words_ids", [[first]])
    monkeypatch.setattr(config, "suppress_tokens", [second])
    pad = [marian.model.config.pad_token_id]
    for beam in (1, 2):
        found = generate(marian.model, marian.rows[:20], **{**marian.search, "beam": beam})
        assert not {first, second} & {token for row in found for token in row}
        expected = [
            own(marian, row, num_beams=beam, bad_words_ids=[[first], pad])
            for row in marian.rows[:20]
        ]
        assert sum(map(list.__eq__, found, expected)) >= 19


def test_outputs_are_cut_at_the_most_tokens(marian: Tiny) -> None:
    usual = generate(marian.model, marian.rows, **marian.search)
    cut = generate(marian.model, marian.rows, **{**marian.search, "max_tokens": 4})
    assert cut == [row[:4] for row in usual]


def test_half_precision_gives_outputs_of_the_same_kind(marian: Tiny) -> None:
    usual = generate(marian.model, marian.rows, **marian.search)
    with torch.autocast("cpu", torch.bfloat16):
        found = generate(marian.model, marian.rows, **marian.search)
    assert sum(map(list.__eq__, found, usual)) > len(usual) / 2
