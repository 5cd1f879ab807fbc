"""The dataset columns of the published files, as the release's code computed them.

Set beside the paper's text, the published columns are something else, and rows share a fit with
them only where they are computed the same way (davidanugraha/proxylm, Apache-2.0,
`src/utils/dataset_featurization.py`):

* A text is lower-cased, decomposed (NFD) and stripped of all but letters, digits and blanks, then
  a blank is put between any two characters and the FLORES-200 SentencePiece model parts what is
  left. So a "word" is a character, or two pieces where the model knows it only inside words.
* `*_jsd` is the square root of the divergence, in nats: scipy's `jensenshannon`.
* `*_tf_idf` is a cosine distance: the longer text is cut into pieces as long as the shorter one,
  each is compared as one document with the shorter one, and the distances are averaged.
* `*_st_similarity` is the cosine distance of the mean sentence embeddings (`embeddings.py`).

Without that SentencePiece model there are sizes alone; no other tokeniser stands in for it. This
module knows no languages and no files.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cosine, jensenshannon

from proxylm.features.dataset import PARTS

ENCODER = "sentence-transformers/paraphrase-multilingual-mpnet-base-v2"
"""The encoder of the published embedding distances; the mean is of all lines."""

Pieces = Callable[[str], Sequence[str]]
"""SentencePiece's `EncodeAsPieces`, of the FLORES-200 model to be true to the release."""


@dataclass(frozen=True)
class PaperStatistics:
    """What `paper_features` needs of one text."""

    pieces: tuple[str, ...]
    by_line: csr_matrix  # lines x pieces
    characters: npt.NDArray[np.int64]  # of each line as it was read, blanks at its ends left out

    @classmethod
    def of(cls, lines: Sequence[str], pieces: Pieces) -> "PaperStatistics":
        """The statistics of a text. `pieces` parts one character at a time."""
        column: dict[str, int] = {}
        known: dict[str, list[int]] = {}  # character -> columns of its pieces
        data: list[int] = []
        columns: list[int] = []
        ends = [0]
        for line in lines:
            counts: Counter[int] = Counter()
            for character, n in Counter(normalised(line.strip())).items():
                if character not in known:
                    # No piece crosses a blank: apart, characters have the pieces they have in line.
                    found = [] if character.isspace() else pieces(character)
                    known[character] = [column.setdefault(p, len(column)) for p in found]
                for place in known[character]:
                    counts[place] += n
            columns += counts.keys()
            data += counts.values()
            ends.append(len(data))
        by_line = csr_matrix((data, columns, ends), (len(lines), len(column)), dtype=np.int64)
        characters = np.array([len(line.strip()) for line in lines], dtype=np.int64)
        return cls(tuple(column), by_line, characters)

    @property
    def totals(self) -> npt.NDArray[np.float64]:
        """Occurrences of each piece in the whole text."""
        return np.asarray(self.by_line.sum(axis=0), dtype=np.float64).ravel()

    @property
    def type_token_ratio(self) -> float:
        """Distinct pieces per piece."""
        return len(self.pieces) / float(self.totals.sum())


def normalised(text: str) -> str:
    """Lower case, NFD, and only letters, digits and blanks."""
    kept = (c for c in unicodedata.normalize("NFD", text.lower()) if c.isalnum() or c.isspace())
    return "".join(c for c in kept if unicodedata.category(c) != "Mn")


def size_features(sizes: Mapping[str, int]) -> dict[str, float]:
    """`dev_size` and `test_size` in lines. `sizes` has some of `PARTS`."""
    return {f"{part}_size": float(sizes[part]) for part in PARTS[1:] if part in sizes}


def paper_features(texts: Mapping[str, PaperStatistics]) -> dict[str, float]:
    """The columns that need pieces, by their published names. `texts` has some of `PARTS`.

    A text without any piece has none.
    """
    found = {}
    known = {part: texts[part] for part in PARTS if part in texts and texts[part].pieces}
    for part, text in known.items():
        found[f"{part}_word_vocab_size"] = float(len(text.pieces))
        found[f"avg_{part}_sentence_length"] = float(text.totals.sum()) / text.by_line.shape[0]
        found[f"ttr_{part}"] = text.type_token_ratio
    for (name, one), (other_name, other) in combinations(known.items(), 2):
        pair = f"{name}_{other_name}"
        shared = len(set(one.pieces) & set(other.pieces))
        found[f"{pair}_word_overlap"] = shared / (len(one.pieces) + len(other.pieces))
        ratio = one.type_token_ratio / other.type_token_ratio
        found[f"{pair}_ttr_distance"] = (1 - ratio) ** 2
        counts = _aligned(one, other)
        p, q = (np.asarray(c.sum(axis=0), dtype=np.float64).ravel() for c in counts)
        found[f"{pair}_jsd"] = float(np.nan_to_num(jensenshannon(p, q)))
        # The release takes a training text for the longer one, whether it is or not.
        swap = name == "dev" and one.by_line.shape[0] <= other.by_line.shape[0]
        longer, shorter = ((other, counts[1]), (one, counts[0]))[:: 1 if swap else -1]
        distance = _tf_idf(longer[1], longer[0].characters, shorter[1], shorter[0].characters)
        if distance is not None:
            found[f"{pair}_tf_idf"] = distance
    return found


def _aligned(one: PaperStatistics, other: PaperStatistics) -> tuple[csr_matrix, csr_matrix]:
    """Both counts over the same columns: the pieces of either."""
    column = {piece: i for i, piece in enumerate(one.pieces)}
    moved = np.array([column.setdefault(piece, len(column)) for piece in other.pieces])
    first, second = one.by_line, other.by_line
    return (
        csr_matrix((first.data, first.indices, first.indptr), (first.shape[0], len(column))),
        csr_matrix(
            (second.data, moved[second.indices], second.indptr), (second.shape[0], len(column))
        ),
    )


def _tf_idf(
    longer: csr_matrix,
    longer_characters: npt.NDArray[np.int64],
    shorter: csr_matrix,
    shorter_characters: npt.NDArray[np.int64],
) -> float | None:
    """Mean over the cuts of `longer`; None where a document has no piece to compare."""
    size = shorter.shape[0]
    distances = []
    for start in range(0, longer.shape[0], size):
        cut = slice(start, start + size)
        as_many = slice(0, min(size, longer.shape[0] - start))
        # Several lines joined are empty only where a single blank line is: as the release has it.
        if as_many.stop == 1 and not (
            longer_characters[cut].sum() and shorter_characters[as_many].sum()
        ):
            continue
        sums = [np.asarray(x.sum(axis=0)).ravel() for x in (longer[cut], shorter[as_many])]
        documents = np.array(sums, dtype=np.float64)
        if not documents.any(axis=1).all():
            return None
        # scikit-learn's smooth idf of two documents; its norm does not change a cosine.
        weight = 1 + np.log(3 / (1 + (documents > 0).sum(axis=0)))
        distances.append(max(0.0, float(cosine(*(documents * weight)))))
    return float(np.mean(distances)) if distances else None
