"""Dataset features of a million sentence pairs: seconds, memory, and beside the plain way.

The text is Django's message catalogues in eighteen languages of ten scripts, two messages a line
in an order that a seed decides, as parallel text with English; a line has about eighty characters.
Statistics are made of both sides, and then the features of the target side beside 10,000 lines of
dev and test each. Asked: at most 60 seconds on two cores (one process a side) and less than 2 GB
for both together, whatever the number of lines: they are read as a stream.

The baseline is what the first feature set did, in this process on a sample and scaled up by lines:
scikit-learn's CountVectorizer once over the words and once over the character trigrams of the
lines, with words from a regular expression.

    python benchmarks/features.py [--lines 1000000] [--sample 20000]
"""

import argparse
import gettext
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import regex
from sklearn.feature_extraction.text import CountVectorizer

from proxylm.features.dataset import TextStatistics, text_features

LOCALES = (
    *("am", "ar", "bn", "de", "el", "es", "fr", "he", "hi"),
    *("ja", "ka", "km", "ko", "ru", "ta", "th", "tr", "zh_Hans"),
)
ASKED_SECONDS, ASKED_BYTES = 60, 2 << 30
WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}'’]*")


class Side(NamedTuple):
    """What one process made of one side."""

    text: TextStatistics
    cpu_seconds: float
    peak_bytes: int


def messages() -> list[tuple[str, str]]:
    """English messages and their translations into all languages."""
    spec = find_spec("django")
    if spec is None or spec.origin is None:
        raise SystemExit("needs the package django: pip install 'proxylm-ops[test]'")
    found = []
    for locale in LOCALES:
        for path in sorted(Path(spec.origin).parent.rglob(f"locale/{locale}/LC_MESSAGES/*.mo")):
            with path.open("rb") as file:
                catalogue = vars(gettext.GNUTranslations(file))["_catalog"]
            found += [
                (key.split("\x04")[-1], text)
                for key, text in catalogue.items()
                if isinstance(key, str) and key and text and len(text) < 200
            ]
    return found


def lines(side: int, n: int, seed: int) -> Iterator[str]:
    """One side of `n` pairs; a stream, so that it never is in memory as a whole."""
    pairs, rng = messages(), random.Random(seed)
    for _ in range(n):
        # A number in each line keeps the vocabulary growing, as that of real text does.
        one, other = rng.choice(pairs), rng.choice(pairs)
        yield f"{one[side]} {rng.randrange(n)} {other[side]}"


def measure(side: int, n: int) -> Side:
    """The statistics of one side."""
    begun = time.process_time()
    text = TextStatistics.of(lines(side, n, seed=1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Side(text, time.process_time() - begun, peak)


def plain_way(text: list[str]) -> None:
    """What the first feature set did with a text."""
    CountVectorizer(analyzer=lambda line: WORD.findall(line.casefold())).fit_transform(text)
    CountVectorizer(analyzer="char", ngram_range=(3, 3)).fit_transform(text)


def cpu_seconds(way: Callable[[list[str]], object], texts: list[list[str]]) -> float:
    """Seconds of CPU for texts that are in memory, in this process."""
    begun = time.process_time()
    for text in texts:
        way(text)
    return time.process_time() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=20_000)
    asked = parser.parse_args()

    begun = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        sides = list(pool.map(measure, (0, 1), (asked.lines,) * 2))
    counted = time.perf_counter() - begun
    dev, test = (TextStatistics.of(lines(1, 10_000, seed)) for seed in (2, 3))
    features = text_features({"train": sides[1].text, "dev": dev, "test": test})
    seconds = time.perf_counter() - begun
    peak = sum(side.peak_bytes for side in sides)

    texts = [list(lines(side, asked.sample, seed=1)) for side in (0, 1)]
    plain, own = (cpu_seconds(way, texts) for way in (plain_way, TextStatistics.of))
    for name, side in zip(("source", "target"), sides, strict=True):
        print(
            f"{name}: {side.text.n_words:,} words, {side.text.vocabulary_size:,} distinct, "
            f"{len(side.text.trigrams):,} trigrams, {side.cpu_seconds:.1f} s of CPU, "
            f"peak {side.peak_bytes / 1e6:,.0f} MB"
        )
    print(f"features: {len(features)}")
    print(f"{asked.lines:,} pairs: {seconds:.1f} s, of which counting {counted:.1f} s")
    print(f"peak memory of both processes: {peak / 1e6:,.0f} MB")
    print(
        f"baseline CountVectorizer, {asked.sample:,} pairs, one process: {plain:.1f} s of CPU; "
        f"here {own:.1f} s: {plain / own:.1f} times as fast"
    )
    met = seconds <= ASKED_SECONDS and peak <= ASKED_BYTES
    if asked.lines >= 1_000_000:
        print("asked for 60 s and 2,147 MB:", "met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
