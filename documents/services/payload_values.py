"""The tree walk of payloads: which values are JSON, how they are written inline, and what is taken out. No I/O here.

A value is written in an **encoded form**, which is JSON as well and comes back exactly from any store of JSON,
PostgreSQL's ``jsonb`` included, which takes no U+0000 and writes 1e+16 as an integer. An object with one member whose
name is one of these markers is not itself but what the marker says:

``$vault:payload``   a reference to a sealed payload
``$vault:bytes``     bytes, in base64
``$vault:text``      a text with U+0000 in it, its UTF-8 in base64
``$vault:number``    a floating-point number that is written with an exponent, or minus zero

A name that U+0000 is in is written as ``$vault:name:`` and its UTF-8 in base64. A name that itself begins with
``$vault:`` gets one more ``$`` in front, and so does one that begins with ``$$vault:``, and so on: what a person typed
is never taken for a marker.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from documents.errors import PayloadCyclic, PayloadInvalid, PayloadTooDeep, PayloadTooLarge

JSON = Any  # dict, list, str, int, float, bool or None, nested

PAYLOAD, BYTES, TEXT, NUMBER = "$vault:payload", "$vault:bytes", "$vault:text", "$vault:number"
NAME = "$vault:name:"
_RESERVED = re.compile(r"\$+vault:")
# RFC 7493 §2.2: beyond it readers that keep numbers as IEEE 754 doubles, JavaScript's among them, lose digits.
LARGEST_INTEGER = 2**53 - 1
# Lists, objects and scalars of one value. Each costs some hundred bytes of memory, whatever its length as text.
MOST_VALUES = 1_000_000


def compact(encoded: JSON) -> bytes:
    """Return the compact JSON form, which every limit counts: UTF-8, no spaces, nothing beyond ASCII escaped."""
    return json.dumps(encoded, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def check(value: JSON, *, max_depth: int, max_size: int, with_bytes: bool = True) -> None:
    """Raise PayloadInvalid, PayloadCyclic, PayloadTooDeep or PayloadTooLarge unless ``value`` is plain and within.

    Each list and object is looked at once, however often and however deep it stands in the value, without recursion.
    ``max_size`` is compared with the bytes that the value takes at least.
    """
    measured: dict[int, tuple[int, int, int]] = {}  # by id(): depth, values, bytes at least
    begun: set[int] = set()
    waiting = [(value, False)]
    while waiting:
        node, is_walked = waiting.pop()
        if type(node) not in (dict, list):
            _refuse_larger(_size_of_scalar(node, with_bytes=with_bytes), max_size)
        elif is_walked:
            begun.discard(id(node))
            depth, values, size = measured[id(node)] = _measure(node, measured)
            if depth > max_depth:
                raise PayloadTooDeep(max_depth)
            _refuse_larger(size, max_size)
            _refuse_larger(values, MOST_VALUES, "values")
        elif id(node) in begun:
            raise PayloadCyclic
        elif id(node) not in measured:
            begun.add(id(node))
            waiting.append((node, True))
            waiting.extend((child, False) for child in _children(node))


def _refuse_larger(found: int, limit: int, unit: str = "bytes") -> None:
    if found > limit:
        raise PayloadTooLarge(limit, unit)


def _children(node: JSON) -> Iterator[JSON]:
    _refuse_larger(len(node), MOST_VALUES, "values")
    if type(node) is list:
        return iter(node)
    for name in node:
        if type(name) is not str:
            raise PayloadInvalid(f"A member's name is a {type(name).__name__}, not a text")
        _size_of_scalar(name)
    return iter(node.values())


def _measure(node: JSON, measured: dict[int, tuple[int, int, int]]) -> tuple[int, int, int]:
    depth, values = 1, 1
    size = 1 if type(node) is list else sum(map(len, node), 1)
    for child in node if type(node) is list else node.values():
        inner, count, length = measured.get(id(child), (0, 1, 0)) if type(child) in (dict, list) else (0, 1, 0)
        depth, values = max(depth, 1 + inner), values + count
        size += 1 + (length or _length(child))
    return depth, values, size


def _length(node: JSON) -> int:
    return len(node) if type(node) in (str, bytes) else 1


def _size_of_scalar(node: JSON, *, with_bytes: bool = True) -> int:
    """Return the bytes that it takes at least. Raises PayloadInvalid for what JSON cannot hold, or not exactly."""
    kind = type(node)
    if kind is str:
        if not node.isascii() and _has_lone_surrogate(node):
            raise PayloadInvalid("A text holds half of a surrogate pair")
        return len(node)
    if kind is float and not math.isfinite(node):
        raise PayloadInvalid("A number is infinite or none (NaN)")
    if kind is int and abs(node) > LARGEST_INTEGER:
        raise PayloadInvalid(f"An integer is beyond ±{LARGEST_INTEGER}, where readers lose digits; write it as a text")
    if kind is bytes and with_bytes:
        return len(node)
    if kind not in (int, float, bool, type(None)):
        raise PayloadInvalid(f"A value is a {kind.__name__}, which JSON has not")
    return 1


def _has_lone_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def encode(value: JSON) -> JSON:
    """Return the encoded form of a value that ``check`` let through."""
    kind = type(value)
    if kind is dict:
        return {encode_name(name): encode(member) for name, member in value.items()}
    if kind is list:
        return [encode(item) for item in value]
    if kind is bytes:
        return {BYTES: base64.b64encode(value).decode()}
    if kind is str and "\0" in value:
        return {TEXT: base64.b64encode(value.encode()).decode()}
    if kind is float and ("e" in repr(value) or (value == 0 and math.copysign(1, value) < 0)):
        return {NUMBER: repr(value)}
    return value


def encode_name(name: str) -> str:
    """Return a member's name as it stands in the encoded form."""
    if "\0" in name:
        return NAME + base64.b64encode(name.encode()).decode()
    return f"${name}" if _RESERVED.match(name) else name


def decode(encoded: JSON, opened: Callable[[JSON], JSON]) -> JSON:
    """Return the value of an encoded form; ``opened`` gives what a reference stands for.

    Raises PayloadInvalid where a reserved name stands for nothing.
    """
    if type(encoded) is list:
        return [decode(item, opened) for item in encoded]
    if type(encoded) is not dict:
        return encoded
    if len(encoded) == 1:
        ((name, content),) = encoded.items()
        if name == PAYLOAD:
            return opened(content)
        if name in (BYTES, TEXT, NUMBER):
            return _decode_marked(name, content)
    return {_decode_name(name): decode(member, opened) for name, member in encoded.items()}


def _decode_name(name: str) -> str:
    if name.startswith(NAME):
        return str(_decode_marked(TEXT, name.removeprefix(NAME)))
    if name.startswith("$vault:"):
        raise PayloadInvalid("A member has a name that begins with '$vault:', which is reserved")
    return name[1:] if _RESERVED.match(name) else name


def _decode_marked(marker: str, content: JSON) -> JSON:
    try:
        if marker == NUMBER:
            number = float(content)
            if math.isfinite(number) and repr(number) == content:
                return number
            raise ValueError("not as it was written")
        data = base64.b64decode(content, validate=True)
        return data if marker == BYTES else data.decode()
    except (ValueError, TypeError) as error:
        raise PayloadInvalid(f"A member {marker!r} is not what that name is reserved for") from error


def references_in(encoded: JSON) -> Iterator[JSON]:
    """Yield what stands in every ``$vault:payload`` of an encoded form, in its order."""
    if type(encoded) is dict and len(encoded) == 1 and PAYLOAD in encoded:
        yield encoded[PAYLOAD]
    elif type(encoded) in (dict, list):
        for child in encoded if type(encoded) is list else encoded.values():
            yield from references_in(child)
