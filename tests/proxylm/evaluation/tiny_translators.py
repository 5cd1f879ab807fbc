"""Tiny models of real families, trained for seconds on real text: their outputs end by themselves.

As folders, as `save_pretrained` writes them, and loaded.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from tests.django_text import pairs
from tests.proxylm.evaluation import tiny_models

FAMILIES = ("marian", "m2m100", "nllb", "t5")
N_LINES = 32
_FORCED = {"m2m100": "__fr__", "nllb": "fra_Latn"}
_CODES = {"m2m100": ("en", "fr"), "nllb": ("eng_Latn", "fra_Latn")}


class Tiny(NamedTuple):
    """A model, what it reads, and how its outputs begin."""

    folder: Path
    model: Any
    tokenizer: Any
    rows: list[list[int]]  # ids of English messages, shortest and longest differ by much
    start_ids: list[int]
    prefix: list[str]  # language token, if the family has one

    @property
    def search(self) -> dict[str, Any]:
        """Arguments of `search.generate` for this model."""
        return {
            "pad_id": self.model.config.pad_token_id,
            "eos_id": self.model.config.eos_token_id,
            "start_ids": self.start_ids,
            "beam": 1,
            "length_penalty": 1.0,
            "max_tokens": 40,
            "budget": 4096,
            "device": "cpu",
        }


def trained(name: str, folder: Path, steps: int = 60) -> Tiny:
    """The family's tiny model after so many steps on 16 lines each, English to French."""
    torch.set_num_threads(1)
    text = pairs("fr")
    getattr(tiny_models, name)(folder, [*text.texts, *text.labels])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder)
    if name in _CODES:
        tokenizer.src_lang, tokenizer.tgt_lang = _CODES[name]
    lines = [i for i in range(len(text.texts)) if len(text.texts[i].split()) <= 10]
    sources, targets = [text.texts[i] for i in lines], [text.labels[i] for i in lines]
    rate = 1e-2 if name == "t5" else 4e-3
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    torch.manual_seed(0)
    for _ in range(steps):
        batch = torch.randperm(N_LINES)[:16].tolist()
        read = tokenizer([sources[i] for i in batch], padding=True, return_tensors="pt")
        write = tokenizer(text_target=[targets[i] for i in batch], padding=True)["input_ids"]
        labels = torch.tensor(write)
        labels[labels == tokenizer.pad_token_id] = -100
        loss = model(**read, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval().save_pretrained(folder)
    prefix = [_FORCED[name]] if name in _FORCED else []
    start = [model.config.decoder_start_token_id, *tokenizer.convert_tokens_to_ids(prefix)]
    rows = tokenizer(sources[:N_LINES])["input_ids"]
    return Tiny(folder, model, tokenizer, rows, start, prefix)


def own(tiny: Tiny, row: list[int], **options: Any) -> list[int]:
    """What `model.generate` of transformers gives for one row alone, from the start to the end."""
    config = tiny.model.config
    ids = tiny.model.generate(
        torch.tensor([row]),
        decoder_input_ids=torch.tensor([tiny.start_ids]),
        **{
            "max_new_tokens": 40,
            "do_sample": False,
            "num_beams": 1,
            "early_stopping": False,
            "forced_bos_token_id": None,
            "forced_eos_token_id": None,
            "bad_words_ids": [[config.pad_token_id]],
            **options,
        },
    )[0].tolist()[len(tiny.start_ids) :]
    return ids[: ids.index(config.eos_token_id)] if config.eos_token_id in ids else ids
