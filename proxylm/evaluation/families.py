"""How families of encoder-decoder models take languages: tokens, prefixes, prompts.

A family turns texts into token ids and back. The languages are FLORES-200 style codes; each
tokeniser has its own spelling of them, and one that it does not know is refused.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from proxylm.errors import InputError
from proxylm.evaluation.contract import ModelSpec
from proxylm.languages import resolve, spell


class Family(Protocol):
    """Texts to token ids for one tokeniser."""

    tokenizer: Any

    def sources(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        """Ids that the encoder reads. InputError for a language the tokeniser does not know."""

    def targets(self, texts: Sequence[str], target: str) -> list[list[int]]:
        """Ids that the decoder learns to write, with the end token."""

    def forced(self, target: str) -> list[int]:
        """Ids that come first in every output of this language; often none."""

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Outputs without their special tokens."""


class LanguageToken:
    """M2M100 and NLLB: a language token before the source, and one before the output."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer = tokenizer
        self._name = name

    def sources(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        return self._encode(texts, source)

    def targets(self, texts: Sequence[str], target: str) -> list[list[int]]:
        return self._encode(texts, target)

    def forced(self, target: str) -> list[int]:
        return [self._token(target)[1]]

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        return _decode(self.tokenizer, rows)

    def _encode(self, texts: Sequence[str], language: str) -> list[list[int]]:
        self.tokenizer.src_lang = self._token(language)[0]
        return _encode(self.tokenizer, texts)

    def _token(self, language: str) -> tuple[str, int]:
        """The tokeniser's spelling of the language, and the id of its token."""
        known = getattr(self.tokenizer, "lang_code_to_id", None)
        if known is not None:
            return _known(self._name, language, known.get)
        vocabulary = self.tokenizer.get_vocab()
        # A plain `fra` may be a piece of text there: only a full code is a language token.
        codes = filter(None, (language, spell(language, "nllb")))
        return _known(self._name, language, vocabulary.get, codes)


class TargetFirst(LanguageToken):
    """SMaLL-100: the token of the target language before the source, none before the output."""

    def sources(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        return self._encode(texts, target)

    def targets(self, texts: Sequence[str], target: str) -> list[list[int]]:
        return [row[1:] for row in self._encode(texts, target)]

    def forced(self, target: str) -> list[int]:
        return []


class Marian:
    """Marian and OPUS-MT: one pair, or several targets chosen by `>>fra<<` before the source."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer = tokenizer
        self._name = name
        self._targets = set(getattr(tokenizer, "supported_language_codes", []))

    def sources(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        if not self._targets:
            return _encode(self.tokenizer, texts)
        prefixes = {token.strip("<>"): 0 for token in self._targets}
        code, _ = _known(self._name, target, prefixes.get)
        return _encode(self.tokenizer, [f">>{code}<< {text}" for text in texts])

    def targets(self, texts: Sequence[str], target: str) -> list[list[int]]:
        return [list(row) for row in self.tokenizer(text_target=list(texts))["input_ids"]]

    def forced(self, target: str) -> list[int]:
        return []

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        return _decode(self.tokenizer, rows)


class Prompted:
    """T5 and mT5: the task stands in words before the text."""

    DEFAULT = "translate {source} to {target}: {text}"

    def __init__(self, tokenizer: Any, name: str, prompt: str | None = None) -> None:
        self.tokenizer = tokenizer
        self._name = name
        self._prompt = prompt or self.DEFAULT

    def sources(self, texts: Sequence[str], source: str, target: str) -> list[list[int]]:
        names = {"source": resolve(source).name, "target": resolve(target).name}
        try:
            prompts = [self._prompt.format(text=text, **names) for text in texts]
        except (KeyError, IndexError) as error:
            raise InputError(
                f"{self._name}: the prompt has a field {error}; "
                "its fields are {text}, {source} and {target}"
            ) from None
        return _encode(self.tokenizer, prompts)

    def targets(self, texts: Sequence[str], target: str) -> list[list[int]]:
        return _encode(self.tokenizer, texts)

    def forced(self, target: str) -> list[int]:
        return []

    def texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        return _decode(self.tokenizer, rows)


FAMILIES: dict[str, Callable[[Any, str], Family]] = {
    "m2m_100": LanguageToken,  # M2M100 and NLLB, which differ in their tokenisers alone
    "nllb-moe": LanguageToken,
    "small100": TargetFirst,  # of model type m2m_100 too: the catalogue says `family: small100`
    "marian": Marian,
    "t5": Prompted,
    "mt5": Prompted,
}
"""Model type of transformers, or `family` of a model's config in the catalogue."""


def family_of(spec: ModelSpec, model_type: str, tokenizer: Any, prompt: str | None) -> Family:
    """The family of a model. InputError where it is none that is supported."""
    name = str(spec.config.get("family", model_type))
    if name not in FAMILIES:
        raise InputError(
            f"{spec.model_id} is of family {name}; an encoder-decoder is one of "
            f"{', '.join(FAMILIES)}"
        )
    if FAMILIES[name] is Prompted:
        return Prompted(tokenizer, spec.model_id, prompt)
    return FAMILIES[name](tokenizer, spec.model_id)


def spellings(language: str) -> Iterable[str]:
    """How tokenisers may spell a language: the code itself, ISO 639-3, NLLB's way, M2M100's way.

    For example swh_Latn, swh, swh_Latn, sw. Last come ISO 639-1 and the macrolanguage.
    """
    import langcodes

    iso = language.split("_")[0]
    yield language
    yield iso
    yield from filter(None, (spell(language, name) for name in ("nllb", "m2m100")))
    for macro in (False, True):
        yield langcodes.standardize_tag(iso, macro=macro)


def _known(
    name: str,
    language: str,
    lookup: Callable[[str], int | None],
    candidates: Iterable[str] | None = None,
) -> tuple[str, int]:
    for code in candidates or spellings(language):
        found = lookup(code)
        if found is not None:
            return code, found
    raise InputError(f"the tokeniser of {name} does not know the language {language}")


def _encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    return [list(row) for row in tokenizer(list(texts))["input_ids"]] if texts else []


def _decode(tokenizer: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    return [
        str(text).strip()
        for text in tokenizer.batch_decode([list(row) for row in rows], skip_special_tokens=True)
    ]
