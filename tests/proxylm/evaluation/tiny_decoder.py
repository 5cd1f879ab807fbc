"""A tiny Llama (or BLOOM) with random weights and a byte-level tokeniser of its own, as a folder.

Also the generated text that decoder-only models are tested on.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from proxylm.corpora import Labelled
from proxylm.evaluation.contract import Inference, ModelSpec, Query, Training
from proxylm.evaluation.texts import label_set

CHAT = (
    "{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|bot|>\n{% endif %}"
)
INTENTS = (
    "HassGetWeather",
    "HassMediaPause",
    "HassSetVolume",
    "HassShoppingListAddItem",
    "HassTurnOn",
    "HassVacuumCleanArea",
)


def llama(
    folder: Path,
    texts: Sequence[str],
    *,
    chat: bool = False,
    context: int = 256,
    spread: float = 0.02,
) -> Path:
    """0.2 M parameters with grouped-query attention and rotary positions.

    With a wide `spread` of the weights what it says without training differs from text to text.
    """
    tokenizer = _tokenizer(texts, chat)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=spread,
        tie_word_embeddings=spread == 0.02,
    )
    return _save(folder, tokenizer, LlamaForCausalLM(config))


def bloom(folder: Path, texts: Sequence[str]) -> Path:
    """BLOOM: no positions but ALiBi, which is computed from the attention mask."""
    tokenizer = _tokenizer(texts, chat=False)
    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=len(tokenizer), hidden_size=64, n_layer=2, n_head=4, initializer_range=0.2
    )
    return _save(folder, tokenizer, BloomForCausalLM(config))


def spec(folder: Path, **config: str) -> ModelSpec:
    """The model in the folder."""
    return ModelSpec("tiny", "1", "decoder-only", {"path": str(folder), **config})


def query(task: str, texts: Sequence[str], labels: Sequence[str] = (), **how: Any) -> Query:
    """English texts; for mt into Galician."""
    target = "glg_Latn" if task == "mt" else "eng_Latn"
    inference = Inference("torch", **{"max_tokens": 48, **how})
    return Query(task, tuple(texts), "eng_Latn", target, tuple(sorted(labels)), inference)


def training(
    task: str,
    train: Labelled,
    folder: Path,
    *,
    dev: Labelled | None = None,
    seed: int = 1,
    **recipe: Any,
) -> Training:
    """The recipe's fields have defaults that suit a tiny model."""
    return Training(
        task=task,
        train=train,
        dev=dev or Labelled((), ()),
        source_lang="eng_Latn",
        target_lang="glg_Latn" if task == "mt" else "eng_Latn",
        labels=label_set(task, train),
        recipe={"name": "tiny", "learning_rate": 0.005, "epochs": 6, "batch_lines": 16, **recipe},
        seed=seed,
        checkpoint=folder / "checkpoint",
    )


def utterances(language: str, n_train: int, n_test: int) -> tuple[Labelled, Labelled]:
    """Training and test utterances of six intents of Home Assistant; no text is in both."""
    pytest.importorskip("hassil")
    from proxylm.home_assistant import generate

    every = generate(language, 1200, seed=1)
    rows = [row for row in zip(every.texts, every.labels, strict=True) if row[1] in INTENTS]
    random.Random(0).shuffle(rows)
    assert len(rows) >= n_train + n_test
    return _labelled(rows[:n_train]), _labelled(rows[n_train:][:n_test])


def tagged(n_train: int, n_test: int) -> tuple[Labelled, Labelled]:
    """Sentences with devices, areas and times, made from templates; no text is in both."""
    verbs = ("turn on", "switch off", "please check", "dim", "could you open")
    devices = ("lamp", "ceiling light", "coffee machine", "fan", "garage door", "radio")
    areas = ("kitchen", "living room", "hall", "dining room", "office")
    times = ("at noon", "tomorrow", "in ten minutes", "")
    rows = set()
    for verb in verbs:
        for device in devices:
            for area in areas:
                for time in times:
                    parts = [(verb, None), ("the", None), (device, "device"), ("in the", None)]
                    parts += [(area, "area"), (time, "time")]
                    rows.add(_bio([part for part in parts if part[0]]))
    shuffled = sorted(rows)
    random.Random(0).shuffle(shuffled)
    return _labelled(shuffled[:n_train]), _labelled(shuffled[n_train:][:n_test])


def _bio(parts: Sequence[tuple[str, str | None]]) -> tuple[str, str]:
    tags = []
    for text, kind in parts:
        n = len(text.split())
        tags += ["O"] * n if kind is None else [f"B-{kind}"] + [f"I-{kind}"] * (n - 1)
    return " ".join(text for text, _ in parts), " ".join(tags)


def _labelled(rows: Sequence[tuple[str, str]]) -> Labelled:
    return Labelled(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def _tokenizer(texts: Sequence[str], chat: bool) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|end|>", *(["<|user|>", "<|bot|>"] if chat else [])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>")
    if chat:
        tokenizer.chat_template = CHAT
    return tokenizer


def _save(folder: Path, tokenizer: Any, model: Any) -> Path:
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
