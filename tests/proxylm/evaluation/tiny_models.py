"""Tiny encoder-decoder models of real families, with random weights and tokenisers of their own.

Saved as folders, the way models of the hub are, so that the loading code is the real one.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    NllbTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

SIZE = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "dropout": 0.0,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "max_position_embeddings": 256,
}
N_PIECES = 400


def m2m100(folder: Path, texts: Sequence[str]) -> Path:
    """M2M100: SentencePiece, `__en__` language tokens."""
    spm = _sentencepiece(folder, texts)
    pieces = _pieces(spm)
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *pieces]
    _write_vocabulary(folder / "vocab.json", vocabulary)
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(spm))
    return _save(folder, tokenizer, _m2m100_model(len(vocabulary) + 108))


def nllb(folder: Path, texts: Sequence[str]) -> Path:
    """NLLB: the same network, FLORES-200 codes as language tokens."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=N_PIECES, special_tokens=special, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    content = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) for merge in content["merges"]]
    tokenizer = NllbTokenizer(vocab=content["vocab"], merges=merges)
    return _save(folder, tokenizer, _m2m100_model(len(tokenizer)))


def marian(folder: Path, texts: Sequence[str], targets: Sequence[str] = ()) -> Path:
    """Marian: one pair, or several targets chosen by `>>fra<<`."""
    spm = _sentencepiece(folder, texts)
    codes = [f">>{target}<<" for target in targets]
    vocabulary = ["</s>", "<unk>", *_pieces(spm), *codes, "<pad>"]
    _write_vocabulary(folder / "vocab.json", vocabulary)
    tokenizer = MarianTokenizer(str(spm), str(spm), str(folder / "vocab.json"))
    pad = len(vocabulary) - 1
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(vocabulary),
        pad_token_id=pad,
        eos_token_id=0,
        forced_eos_token_id=None,
        decoder_start_token_id=pad,
        **SIZE,
    )
    return _save(folder, tokenizer, MarianMTModel(config))


def t5(folder: Path, texts: Sequence[str]) -> Path:
    """T5: the task in words before the text."""
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=N_PIECES,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    unigram.train_from_iterator(texts, trainer)
    vocab = [tuple(piece) for piece in json.loads(unigram.to_str())["model"]["vocab"]]
    tokenizer = T5Tokenizer(vocab=vocab, extra_ids=0)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=64,
        d_ff=128,
        d_kv=32,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return _save(folder, tokenizer, T5ForConditionalGeneration(config))


def _m2m100_model(size: int) -> Any:
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=size, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
        **SIZE,
    )  # fmt: skip
    return M2M100ForConditionalGeneration(config)


def _sentencepiece(folder: Path, texts: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=N_PIECES,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return folder / "sentencepiece.bpe.model"


def _pieces(spm: Path) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spm))
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    return [piece for piece in pieces if piece not in ("<s>", "</s>", "<unk>")]


def _write_vocabulary(path: Path, vocabulary: Sequence[str]) -> None:
    path.write_text(json.dumps({piece: i for i, piece in enumerate(vocabulary)}))


def _save(folder: Path, tokenizer: Any, model: Any) -> Path:
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder
