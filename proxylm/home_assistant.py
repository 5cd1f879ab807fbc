"""Utterances with intents or slots in 31 languages, from Home Assistant's sentence templates.

The package `home-assistant-intents` holds templates that volunteers wrote for each language; this
module draws utterances from them at random. The templates leave the names of rooms, devices and
things to the reader, so a few common words a language are supplied here, in their base form as a
user would type them into Home Assistant. It knows nothing of splits, files or models.
"""

import random
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from proxylm.corpora import Labelled
from proxylm.errors import InputError

if TYPE_CHECKING:
    from hassil import Intents

CORPUS_ID = "home-assistant-intents"
LICENCE = "Apache-2.0"
GENERATOR_VERSION = "1"
"""Raised when the same language, n and seed would give other utterances."""
SLOT_GENERATOR_VERSION = "slots-1"
"""The same for utterances with slots."""

SHARED_INTENTS: tuple[str, ...] = (
    "HassCancelAllTimers",
    "HassCancelTimer",
    "HassClimateGetTemperature",
    "HassClimateSetTemperature",
    "HassDecreaseTimer",
    "HassGetCurrentDate",
    "HassGetCurrentTime",
    "HassGetState",
    "HassGetWeather",
    "HassIncreaseTimer",
    "HassLightSet",
    "HassListAddItem",
    "HassMediaNext",
    "HassMediaPause",
    "HassMediaPrevious",
    "HassMediaUnpause",
    "HassNevermind",
    "HassPauseTimer",
    "HassRespond",
    "HassSetPosition",
    "HassSetVolume",
    "HassShoppingListAddItem",
    "HassStartTimer",
    "HassTimerStatus",
    "HassTurnOff",
    "HassTurnOn",
    "HassUnpauseTimer",
    "HassVacuumCleanArea",
    "HassVacuumReturnToBase",
    "HassVacuumStart",
)
"""The 30 labels. Every language of `LANGUAGES` has templates for at least 26 of them."""

LANGUAGES: Mapping[str, str] = {
    "arb_Arab": "ar",
    "bul_Cyrl": "bg",
    "cat_Latn": "ca",
    "ces_Latn": "cs",
    "dan_Latn": "da",
    "deu_Latn": "de",
    "ell_Grek": "el",
    "eng_Latn": "en",
    "eus_Latn": "eu",
    "fin_Latn": "fi",
    "fra_Latn": "fr",
    "glg_Latn": "gl",
    "hrv_Latn": "hr",
    "hun_Latn": "hu",
    "ita_Latn": "it",
    "mal_Mlym": "ml",
    "nld_Latn": "nl",
    "nob_Latn": "nb",
    "npi_Deva": "ne",
    "pol_Latn": "pl",
    "por_Latn": "pt",
    "ron_Latn": "ro",
    "rus_Cyrl": "ru",
    "slk_Latn": "sk",
    "slv_Latn": "sl",
    "spa_Latn": "es",
    "srp_Cyrl": "sr",
    "swe_Latn": "sv",
    "tha_Thai": "th",
    "ukr_Cyrl": "uk",
    "zho_Hans": "zh-CN",
}
"""FLORES-200 code to the code Home Assistant uses."""

# kitchen, bedroom, bathroom, garage | lamp, television, fan, door | milk, bread, pizza, tea
# An underscore stands for a space inside a name.
_WORD_TABLE = """
arb_Arab | المطبخ غرفة_النوم الحمام المرآب | المصباح التلفاز المروحة الباب | حليب خبز بيتزا شاي
bul_Cyrl | кухня спалня баня гараж | лампа телевизор вентилатор врата | мляко хляб пица чай
cat_Latn | cuina dormitori bany garatge | llum televisor ventilador porta | llet pa pizza te
ces_Latn | kuchyně ložnice koupelna garáž | lampa televize ventilátor dveře | mléko chléb pizza čaj
dan_Latn | køkken soveværelse badeværelse garage | lampe fjernsyn ventilator dør | mælk brød pizza te
deu_Latn | Küche Schlafzimmer Bad Garage | Lampe Fernseher Ventilator Tür | Milch Brot Pizza Tee
ell_Grek | κουζίνα υπνοδωμάτιο μπάνιο γκαράζ | λάμπα τηλεόραση ανεμιστήρας πόρτα | γάλα ψωμί πίτσα τσάι
eng_Latn | kitchen bedroom bathroom garage | lamp television fan door | milk bread pizza tea
eus_Latn | sukaldea logela bainugela garajea | lanpara telebista haizagailua atea | esnea ogia pizza tea
fin_Latn | keittiö makuuhuone kylpyhuone autotalli | lamppu televisio tuuletin ovi | maito leipä pizza tee
fra_Latn | cuisine chambre salle_de_bain garage | lampe télévision ventilateur porte | lait pain pizza thé
glg_Latn | cociña dormitorio baño garaxe | lámpada televisor ventilador porta | leite pan pizza té
hrv_Latn | kuhinja spavaća_soba kupaonica garaža | lampa televizor ventilator vrata | mlijeko kruh pizza čaj
hun_Latn | konyha hálószoba fürdőszoba garázs | lámpa tévé ventilátor ajtó | tej kenyér pizza tea
ita_Latn | cucina camera bagno garage | lampada televisore ventilatore porta | latte pane pizza tè
mal_Mlym | അടുക്കള കിടപ്പുമുറി കുളിമുറി ഗാരേജ് | വിളക്ക് ടിവി ഫാൻ വാതിൽ | പാൽ റൊട്ടി പിസ്സ ചായ
nld_Latn | keuken slaapkamer badkamer garage | lamp televisie ventilator deur | melk brood pizza thee
nob_Latn | kjøkken soverom bad garasje | lampe fjernsyn vifte dør | melk brød pizza te
npi_Deva | भान्सा सुत्ने_कोठा बाथरूम ग्यारेज | बत्ती टिभी पंखा ढोका | दूध रोटी पिज्जा चिया
pol_Latn | kuchnia sypialnia łazienka garaż | lampa telewizor wentylator drzwi | mleko chleb pizza herbata
por_Latn | cozinha quarto banheiro garagem | lâmpada televisão ventilador porta | leite pão pizza chá
ron_Latn | bucătărie dormitor baie garaj | lampă televizor ventilator ușă | lapte pâine pizza ceai
rus_Cyrl | кухня спальня ванная гараж | лампа телевизор вентилятор дверь | молоко хлеб пицца чай
slk_Latn | kuchyňa spálňa kúpeľňa garáž | lampa televízor ventilátor dvere | mlieko chlieb pizza čaj
slv_Latn | kuhinja spalnica kopalnica garaža | luč televizor ventilator vrata | mleko kruh pica čaj
spa_Latn | cocina dormitorio baño garaje | lámpara televisor ventilador puerta | leche pan pizza té
srp_Cyrl | кухиња спаваћа_соба купатило гаража | лампа телевизор вентилатор врата | млеко хлеб пица чај
swe_Latn | kök sovrum badrum garage | lampa teve fläkt dörr | mjölk bröd pizza te
tha_Thai | ห้องครัว ห้องนอน ห้องน้ำ โรงรถ | โคมไฟ โทรทัศน์ พัดลม ประตู | นม ขนมปัง พิซซ่า ชา
ukr_Cyrl | кухня спальня ванна гараж | лампа телевізор вентилятор двері | молоко хліб піца чай
zho_Hans | 厨房 卧室 浴室 车库 | 台灯 电视 风扇 门 | 牛奶 面包 披萨 茶
"""  # noqa: E501
_WORDS: Mapping[str, tuple[list[str], ...]] = {
    language.strip(): tuple(words.split() for words in kinds)
    for language, *kinds in (line.split("|") for line in _WORD_TABLE.strip().splitlines())
}

_MAX_DRAWS = 40
"""Draws without a new utterance after which an intent counts as exhausted."""

_ONE_SLOT = {"floor": "area"}
"""Both are names of rooms here, so nothing in an utterance tells them apart."""

_WITHOUT_SPACES = frozenset({"tha_Thai", "zho_Hans"})
"""Languages written without spaces; a word of them is one letter with its marks, see `_letters`."""


class _Piece(NamedTuple):
    """Part of a drawn utterance, and the slot that it fills."""

    text: str
    slot: str | None


def provenance(language: str, n: int, seed: int) -> dict[str, str]:
    """What the utterances of `generate` depend on, for the corpus file. Needs the demo extra."""
    try:
        packages = {name: version(name) for name in ("home-assistant-intents", "hassil")}
    except PackageNotFoundError as error:
        raise _extra_missing() from error
    return {
        "source": "Home Assistant sentence templates (home-assistant-intents on PyPI)",
        "licence": LICENCE,
        "language": language,
        "utterances": str(n),
        "seed": str(seed),
        "generator": GENERATOR_VERSION,
        **packages,
    }


def generate(language: str, n: int, seed: int) -> Labelled:
    """`n` distinct utterances of a language, intents taking turns; the same in every process.

    An intent whose templates hold only a few sentences drops out early, so the labels are nearly,
    not exactly, balanced. An utterance that several intents could produce keeps the first.

    Raises InputError for a language outside `LANGUAGES`, when the packages are not installed, and
    when the templates hold fewer than `n` distinct utterances.
    """
    return _distinct(language, n, seed, lambda intent, pieces: (_text(pieces), intent))


def provenance_of_slots(language: str, n: int, seed: int) -> dict[str, str]:
    """What the utterances of `generate_slots` depend on, for the corpus file."""
    return {**provenance(language, n, seed), "generator": SLOT_GENERATOR_VERSION}


def generate_slots(language: str, n: int, seed: int) -> Labelled:
    """`n` distinct utterances with at least one slot: words and their BIO tags, both parted by
    single spaces; intents taking turns, the same in every process.

    The slots are those of the templates (area, name, temperature, ...), except that a floor counts
    as an area: both are filled with names of rooms here. A word that a slot fills only in part
    (a prefix or an ending that the template writes together with it) has the slot's tag. Thai
    and Chinese are parted into letters. Raises InputError as `generate` does.
    """
    part = _letters if language in _WITHOUT_SPACES else _words
    return _distinct(language, n, seed, lambda _, pieces: part(pieces))


def _distinct(
    language: str,
    n: int,
    seed: int,
    read: Callable[[str, Sequence[_Piece]], tuple[str, str] | None],
) -> Labelled:
    """`n` distinct texts and their labels, as `read` makes them of an intent and its pieces.

    None stands for a draw that does not count.
    """
    if language not in LANGUAGES:
        raise InputError(
            f"{CORPUS_ID} has no language {language}; it has {', '.join(sorted(LANGUAGES))}"
        )
    sampler = _Sampler(language, random.Random(f"{CORPUS_ID}/{language}/{seed}"))
    labels: dict[str, str] = {}  # text to label, in the order in which they were drawn
    rotation = [intent for intent in SHARED_INTENTS if intent in sampler.intents.intents]
    while len(labels) < n and rotation:
        for intent in list(rotation):
            draws = (read(intent, sampler.draw(intent)) for _ in range(_MAX_DRAWS))
            row = next((row for row in draws if row and row[0] not in labels), None)
            if row is None:
                rotation.remove(intent)
            elif len(labels) < n:
                labels[row[0]] = row[1]
    if len(labels) < n:
        raise InputError(
            f"{CORPUS_ID} has only {len(labels)} distinct utterances in {language}; "
            f"{n} were asked for. Ask for fewer training or test lines."
        )
    return Labelled(tuple(labels), tuple(labels.values()))


def _text(pieces: Sequence[_Piece]) -> str:
    """The utterance, its words parted by single spaces."""
    return " ".join("".join(piece.text for piece in pieces).replace("_", " ").split())


def _words(pieces: Sequence[_Piece]) -> tuple[str, str] | None:
    """Words and BIO tags; None where no slot is filled."""
    return _tagged(pieces, lambda word, letter: False)


def _letters(pieces: Sequence[_Piece]) -> tuple[str, str] | None:
    """The same with a word for each letter: marks stay on it, digits and Latin together."""

    def begins_a_word(word: str, letter: str) -> bool:
        if unicodedata.category(letter).startswith("M"):
            return False
        return not (letter.isascii() and letter.isalnum() and word.isascii() and word.isalnum())

    return _tagged(pieces, begins_a_word)


def _tagged(
    pieces: Sequence[_Piece], begins_a_word: Callable[[str, str], bool]
) -> tuple[str, str] | None:
    """`begins_a_word` is asked for the word so far and the next letter, which no space parts."""
    words: list[str] = []
    filled: list[_Piece | None] = []  # the first piece with a slot in each word
    apart = True
    for piece in pieces:
        for letter in piece.text.replace("_", " "):
            if letter.isspace():
                apart = True
                continue
            if apart or begins_a_word(words[-1], letter):
                words.append("")
                filled.append(None)
            apart = False
            words[-1] += letter
            if piece.slot and filled[-1] is None:
                filled[-1] = piece
    if not any(filled):
        return None
    tags = []
    for before, now in pairwise([None, *filled]):
        slot = now and _ONE_SLOT.get(str(now.slot), now.slot)
        tags.append("O" if not slot else f"I-{slot}" if now is before else f"B-{slot}")
    return " ".join(words), " ".join(tags)


def _extra_missing() -> InputError:
    return InputError(
        f"the corpus {CORPUS_ID} needs the packages of the demo extra: "
        "pip install 'proxylm-ops[demo]'"
    )


def _load(code: str) -> "Intents":
    try:
        import hassil
        import home_assistant_intents
    except ImportError as error:
        raise _extra_missing() from error
    templates = home_assistant_intents.get_intents(code)
    if templates is None:
        raise InputError(f"the installed home-assistant-intents has no templates for {code}")
    templates["intents"] = {
        name: block for name, block in templates["intents"].items() if name in SHARED_INTENTS
    }
    return hassil.Intents.from_dict(templates)


class _Sampler:
    """Draws one expansion of a template at a time.

    hassil's own sampler enumerates: for templates with a dozen alternatives the first thousand
    sentences differ in their last words only.
    """

    def __init__(self, language: str, rng: random.Random) -> None:
        rooms, devices, things = _WORDS[language]
        self.intents = _load(LANGUAGES[language])
        self._rng = rng
        self._names = {"area": rooms, "floor": rooms, "name": devices}
        self._things = things

    def draw(self, intent: str) -> list[_Piece]:
        """One utterance in pieces; the same one may come again."""
        block = self._rng.choice(self.intents.intents[intent].data)
        sentence = self._rng.choice(block.sentences)
        rules = {**self.intents.expansion_rules, **block.expansion_rules}
        lists = {**self.intents.slot_lists, **block.slot_lists}
        return self._expand(sentence.expression, rules, lists)

    def _expand(
        self, expression: Any, rules: Mapping[str, Any], lists: Mapping[str, Any]
    ) -> list[_Piece]:
        import hassil

        match expression:
            case hassil.TextChunk():
                return [_Piece(str(expression.original_text), None)]
            case hassil.Alternative():
                return self._expand(self._rng.choice(expression.items), rules, lists)
            case hassil.Permutation():
                order = self._rng.sample(expression.items, len(expression.items))
                pieces = []
                for item in order:
                    pieces += [*self._expand(item, rules, lists), _Piece(" ", None)]
                return pieces[:-1]
            case hassil.Group():
                return [p for item in expression.items for p in self._expand(item, rules, lists)]
            case hassil.RuleReference():
                return self._expand(rules[expression.rule_name].expression, rules, lists)
            case hassil.ListReference():
                value = self._value(expression, rules, lists)
                return [_Piece(value, str(expression.slot_name))]
        raise TypeError(f"unknown kind of template: {expression!r}")

    def _value(self, reference: Any, rules: Mapping[str, Any], lists: Mapping[str, Any]) -> str:
        import hassil

        inline = reference.get_inline_range()
        if inline is not None:
            start, stop, step = inline
            return str(self._rng.randrange(start, stop + 1, step))
        if reference.list_name in self._names:
            return self._rng.choice(self._names[reference.list_name])
        slots = lists[reference.list_name]
        match slots:
            case hassil.RangeSlotList():
                return str(self._rng.randrange(slots.start, slots.stop + 1, slots.step))
            case hassil.TextSlotList():
                value = self._rng.choice(slots.values).text_in
                return "".join(piece.text for piece in self._expand(value, rules, lists))
            case hassil.WildcardSlotList():
                return self._rng.choice(self._things)
        raise TypeError(f"unknown kind of list: {slots!r}")
