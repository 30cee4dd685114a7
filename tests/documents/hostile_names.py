"""Names that attackers give to files: 40 classes of trouble, each with a generator that a seed repeats."""

from collections.abc import Callable, Iterator
from random import Random

_WORDS = ("payslip", "Gehalt", "x", "contract 2026", "résumé", "a-b_c", "報告", "n")
_ENDINGS = (".pdf", ".exe", ".html", ".svg", ".tar.gz", ".", "", ".PDF ", ".p\u200bdf")
_DEVICES = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9", "com¹", "CONIN$", "CLOCK$", "con.txt", "nul.tar.gz", "AUX ")
_SCRIPTS = ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</title><svg/onload=alert(1)>", "<!--", "<")
_ENTITIES = ("&lt;script&gt;", "&#60;b", "&quot;onmouseover=x", "' autofocus onfocus='x", "javascript:alert(1)", "&")
_TEMPLATES = ("{{ settings.SECRET_KEY }}", "{% include 'x' %}", "{0.__class__}", "%(name)s", "%s%n%x", "${jndi:x}")
_FORMULAS = ("=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "\uff1d1+1")
_HEADERS = ("\r\nSet-Cookie: a=b", "\r\n\r\n<html>", "\nLocation: //x", "\rX: y", "\r\n X: y", "%0d%0aX: y", "\n")
_PARAMETERS = ('"; filename="b.exe', "; filename=b.exe", ";filename*=UTF-8''b.exe", '\\"; x="', "';", ", inline")
_SHELL = ("$(reboot)", "`id`", "; rm -rf ~", "| nc x", "&& x", "-rf", "--help", "~root", "*", "?", "!", "\\x41")
_SQL = ("' OR 1=1--", '"; DROP TABLE x;--', "\\' OR 1", "%' AND 1=0", "_", "1;SELECT pg_sleep(9)")
_UTF7 = ("+ADw-script+AD4-", "+AC8-+AC4-+AC4-", "+AA0ACg-", "+/v8-", "&ADw-b&AD4-")
_PERCENT = ("%2e%2e%2f", "%00", "%0d%0a", "%c0%af", "%u002e", "%", "%zz", "%5c..%5c", "%EF%BC%8F")
_LIKE_SLASHES = ("\uff0f", "\u2215", "\u2044", "\u29f8", "\uff0e\uff0e\uff0f", "\u2024\u2024\u2215", "\uff3c")


def _letters(first: int, last: int) -> Callable[[Random], str]:
    return lambda random: "".join(chr(random.randint(first, last)) for _ in range(random.randint(1, 6)))


def _one_of(*pieces: str) -> Callable[[Random], str]:
    return lambda random: "".join(random.choices(pieces, k=random.randint(1, 3)))


def _many(*pieces: str, least: int, most: int) -> Callable[[Random], str]:
    return lambda random: random.choice(pieces) * random.randint(least, most)


# What the trouble is made of. It is put before, into or behind a plain name.
TROUBLE: dict[str, Callable[[Random], str]] = {
    "line breaks": _one_of("\r\n", "\n", "\r", "\n\n"),
    "split headers": _one_of(*_HEADERS),
    "NUL": _one_of("\0", ".pdf\0", "\0.exe"),
    "C0 controls": _letters(1, 31),
    "C1 controls": _letters(0x7F, 0x9F),
    "terminal escapes": _one_of("\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\x1b[8m"),
    "right to left": _one_of("\u202e", "\u202d", "\u202efdp.", "\u200f", "\u061c"),
    "isolates": _one_of("\u2066", "\u2067", "\u2068", "\u2069"),
    "zero width": _one_of("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"),
    "soft hyphens and tags": _one_of("\u00ad", "\U000e0041", "\U000e007f", "\u034f", "\ufe0f"),
    "lone surrogates": _letters(0xD800, 0xDFFF),
    "line separators": _one_of("\u2028", "\u2029", "\x85", "\x0b", "\x0c"),
    "private and unassigned": _one_of("\ue000", "\ufffe", "\uffff", "\U0010ffff", "\u0378", "\ufdd0"),
    "parent directories": _one_of("../", "../../", "/..", "..", "./", "..../"),
    "backslashes": _one_of("..\\", "\\..\\", "\\\\server\\share\\", "\\"),
    "absolute paths": _one_of("/etc/passwd", "//", "/", "file:///"),
    "drives and streams": _one_of("C:\\", "C:", ":$DATA", "::$INDEX_ALLOCATION", "\\\\?\\C:\\"),
    "reserved names": _one_of(*_DEVICES),
    "leading dots": _one_of(".", "..", "...", ". ", ".\u200b."),
    "only dots and spaces": _one_of(".", " ", "\u00a0", "\u3000", "\t"),
    "double quotes": _one_of('"', '""', '\\"', '".pdf"'),
    "other quotes": _one_of("'", "`", "\u2018", "\u201d", "''"),
    "parameters": _one_of(*_PARAMETERS),
    "semicolons and commas": _one_of(";", ",", "; ", "=,", ";;"),
    "percent": _one_of(*_PERCENT),
    "UTF-7": _one_of(*_UTF7),
    "markup": _one_of(*_SCRIPTS),
    "entities and attributes": _one_of(*_ENTITIES),
    "templates and formats": _one_of(*_TEMPLATES),
    "formulas": _one_of(*_FORMULAS),
    "shell": _one_of(*_SHELL),
    "SQL": _one_of(*_SQL),
    "like slashes and dots": _one_of(*_LIKE_SLASHES),
    "emoji": _one_of("🙂", "👩‍👩‍👧‍👦", "🏴‍☠️", "🇦🇹", "👍🏽"),
    "combining": _many("\u0301", "\u0489", "\u20dd", "\u0300\u0323", least=1, most=60),
    "not normalised": _one_of("e\u0301", "\u212b", "\u1112\u1161\u11ab", "\ufb01", "\u03d2\u0301"),
    "too long": _many("x", "long name ", "a.", least=130, most=400),
    "too long in bytes": _many("ü", "🙂", "報", "\u0915\u094d", least=70, most=200),
    "long endings": _many("." + "e" * 7, ".abcdefghijklmnopqrstuvw", "e", least=10, most=60),
    "dots within": _many(".", "..x", " .", ". ", least=2, most=150),
}  # fmt: skip


def hostile_names(kind: str, count: int) -> Iterator[str]:
    """``count`` different names of this class, the same in every run."""
    random, given = Random(kind), set[str]()  # noqa: S311  # names, not secrets
    while len(given) < count:
        name = _name(random, TROUBLE[kind](random))
        if name not in given:
            given.add(name)
            yield name


def _name(random: Random, trouble: str) -> str:
    word, ending = random.choice(_WORDS), random.choice(_ENDINGS)
    shapes = (trouble, trouble + word + ending, word + trouble + ending, word + ending + trouble, trouble + ending)
    return random.choice(shapes)
