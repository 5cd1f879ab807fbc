"""Twenty adapters on one base model: one process beside twenty processes.

A translation model of 60 M parameters (M2M100's architecture, 6 + 6 layers of width 512, random
weights: only time and memory are measured) gets a LoRA adapter for each of twenty languages on
Django's messages, English to the language, and is then tested on another twenty lines each. Asked
of one base that serves many adapters: to test all of them in one process takes at most 0.6 of
twenty times one in a process of its own. The same is printed for training them, where the ratio
says how long a training is beside the start of a process and nothing more.

    python benchmarks/many_languages.py [--languages 20] [--threads 1]
"""

import argparse
import gettext
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

from proxylm.corpora import Labelled, split, write_corpus
from proxylm.evaluation.contract import Batch, Job, ModelSpec, TextPart
from proxylm.identity import corpus_fingerprint

LOCALES = {
    "af": "afr_Latn", "bg": "bul_Cyrl", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn",
    "de": "deu_Latn", "el": "ell_Grek", "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn",
    "fi": "fin_Latn", "fr": "fra_Latn", "gl": "glg_Latn", "hu": "hun_Latn", "it": "ita_Latn",
    "nl": "nld_Latn", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "sv": "swe_Latn",
}  # fmt: skip
TRAIN, TEST = 64, 20
RECIPE = {
    "name": "lora-1ep",
    "learning_rate": 1e-3,
    "epochs": 1,
    "batch_lines": 16,
    "lora": {"rank": 8},
}
ASKED = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--languages", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    locales = dict(list(LOCALES.items())[: arguments.languages])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        lines = {code: messages(locale) for locale, code in locales.items()}
        base = save_base(home / "base", [t for some in lines.values() for t in some.labels])
        spec = ModelSpec("base", "1", "encoder-decoder", {"path": str(base)})
        jobs = {
            part: [
                Job(spec, "fine_tuned", RECIPE, 0, train, TRAIN, (tests[part],), "mt", INFERENCE)
                for train, tests in (write_parts(home, code, some) for code, some in lines.items())
            ]
            for part in ("first", "second")
        }
        n = len(locales)
        missed = False
        print(f"{n} languages, {arguments.threads} thread(s)")
        print(f"{'':32}{'one':>9}{'all':>9}{'ratio':>9}{'asked':>7}{'peak, one':>12}{'all':>8}")
        for name, part in (("train an adapter and test it", "first"), ("test it", "second")):
            # The second round finds the adapters that the first one has trained.
            one = run(jobs[part][:1], home / "alone", arguments.threads)
            all_ = run(jobs[part], home / "together", arguments.threads)
            ratio = all_.seconds / (n * one.seconds)
            asked = f"{ASKED:7.2f}" if part == "second" else f"{'-':>7}"
            missed |= part == "second" and ratio > ASKED
            print(
                f"{name:32}{one.seconds:8.1f}s{all_.seconds:8.1f}s{ratio:9.2f}{asked}"
                f"{one.gibibytes:9.2f}GiB{all_.gibibytes:5.2f}GiB"
            )
        return int(missed)


INFERENCE = {"beam": 1, "max_tokens": 16}


class Run:
    """Seconds of a worker process from its start to its end, and its peak memory."""

    def __init__(self, seconds: float, gibibytes: float) -> None:
        self.seconds = seconds
        self.gibibytes = gibibytes


def run(jobs: list[Job], home: Path, threads: int) -> Run:
    home.mkdir(exist_ok=True)
    before = set((home / "landing" / "incoming").glob("*"))
    path = home / "batch.json"
    path.write_text(Batch(tuple(jobs)).to_json())
    command = [sys.executable, "-m", "proxylm.evaluation", str(path), "--home", str(home)]
    begun = time.perf_counter()
    subprocess.run([*command, "--threads", str(threads)], check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    runs = [
        row
        for file in set((home / "landing" / "incoming").glob("*")) - before
        for row in pq.read_table(file)["runs"].to_pylist()
        if row
    ]
    assert len(runs) == len(jobs)
    return Run(seconds, max(row["peak_memory_bytes"] for row in runs) / 1024**3)


def messages(locale: str) -> Labelled:
    """English messages of three words or more beside their translation."""
    spec = find_spec("django")
    if spec is None or spec.origin is None:
        raise SystemExit("the benchmark needs Django's messages: pip install 'proxylm-ops[test]'")
    rows: dict[str, str] = {}
    for path in sorted(Path(spec.origin).parent.rglob(f"locale/{locale}/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            catalog = vars(gettext.GNUTranslations(file))["_catalog"]
        for key, text in catalog.items():
            if isinstance(key, str) and text and len(key.split()) >= 3:
                rows[" ".join(key.split())] = " ".join(text.split())
    return Labelled(tuple(rows), tuple(rows.values()))


def write_parts(home: Path, code: str, lines: Labelled) -> tuple[TextPart, dict[str, TextPart]]:
    """The corpus of a pair, and the same lines with another test part."""
    rows = list(zip(lines.texts, lines.labels, strict=True))
    parts = {}
    for name, some in (("first", rows), ("second", rows[::-1][: TRAIN + TEST])):
        fingerprint = corpus_fingerprint(some)
        path = home / "corpora" / f"{name}-{code}.parquet"
        labelled = Labelled(tuple(a for a, _ in some), tuple(b for _, b in some))
        write_corpus(split(labelled, fingerprint, TRAIN, TEST), path, {"licence": "BSD-3-Clause"})
        parts[name] = TextPart(name, "eng_Latn", code, fingerprint, str(path))
    return parts["first"], parts


def save_base(folder: Path, texts: list[str]) -> Path:
    """The base model and a tokeniser with FLORES-200 language tokens, as a folder of the hub."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>"))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=special, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    content = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) for merge in content["merges"]]
    tokenizer = NllbTokenizer(vocab=content["vocab"], merges=merges)
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=len(tokenizer), d_model=512, encoder_layers=6, decoder_layers=6,
            encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048,
            decoder_ffn_dim=2048, encoder_layerdrop=0.0, decoder_layerdrop=0.0, pad_token_id=1,
            bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
        )
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
