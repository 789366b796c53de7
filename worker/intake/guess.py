"""The encoding of bytes that nobody named, told from names and addresses rather than from running text.

`charset_normalizer` knows languages by their letter frequencies, which a column of names does not have: German names
came out as Polish ones. So the words with bytes above 127 are held against alphabets, and it is asked where none fits.
"""

import re
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Iterable
from itertools import combinations, islice, pairwise

from charset_normalizer import from_bytes

from worker.intake.pieces import is_utf8

UTF8 = "utf-8"
USUAL = "cp1252"
MARGIN = 0.04
PLAUSIBLE = 0.5
CERTAIN = 0.9
SAMPLE_WORDS = 4000
WIDE_SHARE = 0.4  # of ASCII among the characters of a list of numbers, at least
LEAD, LONGEST_CHARACTER = 0xC0, 4  # of UTF-8: the least first byte of a character beyond ASCII, and its bytes at most
ENOUGH = 100  # bytes above 127, below which letter frequencies say nothing

BETWEEN_WORDS = re.compile(rb"[\x00-\x3f]+")
HIGH = re.compile(rb"[\x80-\xff]")
ASCII_LETTER = re.compile(rb"[A-Za-z]")
# An apostrophe belongs into a word, and the others to its edges: within one they are letters of another encoding.
PUNCTUATION = re.compile("’|(?<![a-z])[“”„‘‚–—…·•°ºª€£§©®™«»¿¡\u00a0]|[“”„‘‚–—…·•°ºª€£§©®™«»¿¡\u00a0](?![a-z])")
OTHER_PUNCTUATION = re.compile("[“”„’‚–—…·•«»\u00a0]")
HALF_WIDTH = re.compile("[｡-ﾟ]+")

# The letters beyond ASCII of the languages that are written in an encoding.
WEST = ("àâæçèéêëîïôœùûüÿ", "äöüßé", "áéíñóúü", "àáâãçéêíóôõúü", "àèéìíòóùú", "åäöæøé", "áðéíóúýþæö", "ëïéèöüáó")
EAST = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţéö")
LATIN = {
    USUAL: WEST,
    "cp1250": EAST,
    "cp1254": ("çğıöşüâîû\u0307",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
    "mac_roman": WEST,
    "cp850": WEST,
}
# The first of those that fit is taken. Scripts without capitals come first, since all of their letters are small ones
# of another.
CYRILLIC = "[А-Яа-яЁёІіЇїЄєҐґЎў№]"
ONE_BYTE = {
    "cp1255": "[א-ת]",
    "cp1256": "[ء-ْپچژگکی]",
    "cp1251": CYRILLIC,
    "cp1253": "[Ά-ΏΑ-Ωά-ία-ώ]",
    "koi8_r": CYRILLIC,
    "cp866": CYRILLIC,
}
THAI, THAI_LETTERS = "cp874", "[ก-ฺเ-๛]"  # has a letter for nearly every byte, and so comes last
KANA = "[ぁ-ヿ、。々〇㈱ｦ-ﾟ！-～]"
# Punctuation and syllables, then the first bytes of common characters and their least second byte.
TWO_BYTES = {
    "cp932": (KANA, range(0x88, 0x98), 0x40),
    "cp949": ("[，。·]", range(0xB0, 0xC9), 0xA1),
    "gb18030": ("[，。（）·]", range(0xB0, 0xD8), 0xA1),
    "big5": ("[，。（）]", range(0xA4, 0xC7), 0x40),
    "euc_jp": (KANA, range(0xB0, 0xD0), 0xA1),
}


def guess(data: bytes) -> str:
    """Python's name of the encoding of `data`, which holds bytes above 127 and may end within a character.

    UTF-8 with some damage is UTF-8: its bad rows are named one by one.
    """
    if _is_utf8_so_far(data):
        return UTF8
    text = getincrementaldecoder(UTF8)("replace").decode(data)
    bad = text.count("\ufffd") - data.count("\ufffd".encode())
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    if not bad or (good >= bad and not _half_width(data)):
        return UTF8
    sample = b"\n".join(islice((word for word in BETWEEN_WORDS.split(data) if not word.isascii()), SAMPLE_WORDS))
    latin, cover = _latin(sample)
    if not _letters(sample, USUAL):
        return USUAL
    if len(ASCII_LETTER.findall(sample)) >= len(HIGH.findall(sample)) and cover >= PLAUSIBLE:
        return latin
    other, fit = _other(sample)
    if fit >= CERTAIN:
        return other
    return _by_frequency(sample) or (other if fit >= PLAUSIBLE else latin)


def _is_utf8_so_far(data: bytes) -> bool:
    """Whether it is, but for a last character that may go on."""
    places = range(max(len(data) - LONGEST_CHARACTER, 0), len(data))
    last = max((place for place in places if data[place] >= LEAD), default=len(data))
    try:
        getincrementaldecoder(UTF8)().decode(data[last:])
    except UnicodeDecodeError:
        return False
    return is_utf8(data, last)


def wide_without_mark(head: bytes) -> str | None:
    """UTF-16 shows in its zero bytes: every digit and delimiter has one, and always on the same side."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if min(even, odd) * 10 > max(even, odd) or not even + odd:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head[: len(head) // 2 * 2].decode(encoding, "replace")
    known = sum(letter.isascii() and letter != "\0" for letter in text)
    return encoding if known >= WIDE_SHARE * len(text) else None


def _latin(sample: bytes) -> tuple[str, float]:
    """The encoding in which the letters are those of one language, or nearly so those of two; and how nearly."""
    covers = {encoding: _cover(sample, encoding, alphabets) for encoding, alphabets in LATIN.items()}
    best = USUAL
    for encoding, cover in covers.items():
        if cover > covers[best] + MARGIN:
            best = encoding
    return best, covers[best]


def _cover(sample: bytes, encoding: str, alphabets: Iterable[str]) -> float:
    counts = Counter(_letters(sample, encoding))
    if not counts:
        return 1.0
    sets = [frozenset(alphabet) for alphabet in alphabets]
    one = max(_share(counts, letters) for letters in sets)
    two = max((_share(counts, a | b) for a, b in combinations(sets, 2)), default=one)
    return (3 * one + two) / 4


def _letters(sample: bytes, encoding: str) -> list[str]:
    """What is beyond ASCII, in lower case and without punctuation."""
    text = PUNCTUATION.sub("", sample.decode(encoding, "replace").lower())
    return [letter for letter in text if not letter.isascii()]


def _half_width(data: bytes) -> bool:
    """Japanese of one byte a letter, of which many pairs look like UTF-8."""
    return HALF_WIDTH.sub("", data.decode("cp932", "replace")).isascii()


def _share(counts: dict[str, int], letters: frozenset[str]) -> float:
    return sum(n for letter, n in counts.items() if letter in letters) / sum(counts.values())


def _other(sample: bytes) -> tuple[str, float]:
    """The encoding of another script that makes most of the bytes its letters, and how many."""
    fits = {encoding: _fit_one(sample, encoding, usual) for encoding, usual in ONE_BYTE.items()}
    fits |= {encoding: _fit_two(sample, encoding, *common) for encoding, common in TWO_BYTES.items()}
    fits |= {THAI: _fit_one(sample, THAI, THAI_LETTERS)}
    best = max(fits.values())
    return next((encoding, fit) for encoding, fit in fits.items() if fit > best - MARGIN / 2)


def _by_frequency(sample: bytes) -> str | None:
    if len(HIGH.findall(sample)) < ENOUGH:
        return None
    found = from_bytes(sample, cp_exclusion=["ascii", UTF8, "utf_7", "utf_16", "utf_32"], enable_fallback=False).best()
    return None if found is None else found.encoding


def _fit_one(sample: bytes, encoding: str, usual: str) -> float:
    """The share of letters that are the script's, less those that are capitals within a word or stand in another's."""
    text = OTHER_PUNCTUATION.sub("", sample.decode(encoding, "replace"))
    total = max(sum(not letter.isascii() for letter in text), 1)
    pairs = list(pairwise(text))
    capitals = sum(one.islower() and two.isupper() for one, two in pairs)
    mixed = sum(one.isalpha() and two.isalpha() and one.isascii() != two.isascii() for one, two in pairs)
    return (len(re.findall(usual, text)) - 2 * capitals - mixed) / total


def _fit_two(sample: bytes, encoding: str, usual: str, leads: range, least: int) -> float:
    """The share of characters that are common ones."""
    text = [letter for letter in sample.decode(encoding, "replace") if not letter.isascii()]
    pairs = (letter.encode(encoding, "ignore") for letter in text)
    common = sum(len(pair) == 2 and pair[0] in leads and pair[1] >= least for pair in pairs)
    return (common + len(re.findall(usual, "".join(text)))) / max(len(text), 1)
