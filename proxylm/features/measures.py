"""With what texts are measured, and what is found: everything that is computed once a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxylm.features.dataset import TextStatistics
from proxylm.features.embeddings import StoredEncoder, Vector
from proxylm.features.fertility import Fertility, Tokenizer, fertility
from proxylm.features.paper import ENCODER, PaperStatistics, Pieces


@dataclass(frozen=True)
class Text:
    """What is known of one text."""

    statistics: TextStatistics
    embedding: Vector | None  # mean of the first lines; None without an encoder
    paper_embedding: Vector | None  # the same where it is the paper's encoder's, of all lines
    fertility: Mapping[str, Fertility]  # by the tokeniser's name
    paper: PaperStatistics | None  # None without the pieces of the release


@dataclass(frozen=True)
class Measures:
    """What there is to measure texts with; without anything there are words and characters."""

    encoder: StoredEncoder | None = None
    tokenizers: Sequence[Tokenizer] = ()
    pieces: Pieces | None = None

    def of(self, lines: Sequence[str]) -> Text:
        """All that can be said of a text by itself."""
        embedding, as_published = None, False
        if self.encoder is not None:
            embedding = self.encoder.mean(lines)
            as_published = self.has_paper_encoder and len(lines) <= self.encoder.sample_lines
        found = {tokenizer.name: fertility(tokenizer, lines) for tokenizer in self.tokenizers}
        return Text(
            TextStatistics.of(lines),
            embedding,
            embedding if as_published else None,
            {name: value for name, value in found.items() if value is not None},
            PaperStatistics.of(lines, self.pieces) if self.pieces else None,
        )

    @property
    def has_paper_encoder(self) -> bool:
        """Whether the encoder is that of the published distances."""
        return self.encoder is not None and self.encoder.signature.startswith(f"{ENCODER}@")

    @property
    def encoder_signature(self) -> str:
        """The encoder and how much of a text it reads."""
        if self.encoder is None:
            return "none"
        return f"{self.encoder.signature}|lines:{self.encoder.sample_lines}"

    @property
    def tokenizer_signature(self) -> str:
        """The tokenisers, one after the other."""
        return ",".join(tokenizer.signature for tokenizer in self.tokenizers) or "none"
