"""Throughput of greedy translation: the engine beside transformers' own generation."""

import argparse
import gettext
import importlib.util
import random
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import MarianConfig, MarianMTModel

from proxylm.evaluation.scratch_transformer import learn_pieces

LOCALES = "ca da de es fr gl it nb nl nn pl pt pt_BR ro sk sv cs hr sl hu".split()
N_TEST = 400
SIZE = 3


def text() -> list[tuple[str, str]]:
    """Messages of three words or more, another language to English, in random order."""
    spec = importlib.util.find_spec("django")
    root = Path(spec.origin).parent
    pairs = set()
    for locale in LOCALES:
        for path in sorted(root.rglob(f"locale/{locale}/LC_MESSAGES/django.mo")):
            with path.open("rb") as file:
                messages = vars(gettext.GNUTranslations(file))["_catalog"]
            for key, value in messages.items():
                english = " ".join((key if isinstance(key, str) else key[0]).split("\x04")[-1].split())
                if len(english.split()) >= 3 and value:
                    pairs.add((" ".join(value.split()), english))
    rows = sorted(pairs)
    random.Random(0).shuffle(rows)
    return rows


def model_for(tokenizer) -> Any:
    torch.manual_seed(0)
    return MarianMTModel(MarianConfig(
        vocab_size=len(tokenizer), d_model=512, encoder_layers=SIZE, decoder_layers=SIZE,
        encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        dropout=0.0, activation_function="relu", scale_embedding=True, max_position_embeddings=512,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, forced_eos_token_id=None,
        bad_words_ids=[[0]],
    ))


def train(model, tokenizer, pairs, seconds, lr=float(sys.argv[4]), budget=int(sys.argv[3])):
    src = tokenizer([s for s, _ in pairs])["input_ids"]
    tgt = tokenizer([t for _, t in pairs])["input_ids"]
    opt = torch.optim.AdamW(model.parameters(), lr=0, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    model.train()
    start = time.monotonic(); tokens = 0; step = 0; rng = random.Random(1); log = 0
    def padded(rows, fill):
        n = max(map(len, rows)); return torch.tensor([r + [fill]*(n-len(r)) for r in rows])
    while True:
        order = sorted(range(len(pairs)), key=lambda i: len(tgt[i]) + len(src[i]) + rng.random()*8)
        batches=[]; b=[]
        for i in order:
            b.append(i)
            if len(b)*(len(tgt[i])+len(src[i])) > budget:
                batches.append(b); b=[]
        rng.shuffle(batches)
        for b in batches:
            t = (time.monotonic()-start)/seconds
            if t >= 1: return
            step += 1
            rate = lr*min(1, t/0.05)*min(1,(1-t)/0.5)
            for g in opt.param_groups: g["lr"]=rate
            x = padded([src[i] for i in b], 0); y = padded([tgt[i] for i in b], -100)
            dec = torch.full_like(y, 0); dec[:,1:] = y[:,:-1].clamp(min=0)
            with torch.autocast('cpu', torch.bfloat16): logits = model(input_ids=x, attention_mask=(x!=0).long(), decoder_input_ids=dec, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.float().flatten(0,1), y.flatten(), ignore_index=-100, label_smoothing=0.1)
            opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); opt.step()
            tokens += sum(len(src[i])+len(tgt[i]) for i in b)
            if time.monotonic()-start > log: log += 15; print(f"{time.monotonic()-start:.0f}s step {step} tokens {tokens} loss {loss:.2f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1])); secs=float(sys.argv[2])
    rows = text()
    test, tr = rows[:N_TEST], rows[N_TEST:]
    tok = learn_pieces([x for p in tr for x in p])
    m = model_for(tok)
    print(len(rows), len(tok), sum(p.numel() for p in m.parameters())/1e6)
    train(m, tok, tr, secs)
    m.eval()
    m.save_pretrained("/tmp/lab/inf/model"); tok.save_pretrained("/tmp/lab/inf/model")
    import json; json.dump(test, open("/tmp/lab/inf/test.json","w"))
