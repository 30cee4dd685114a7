"""The tree walk of payloads: what is JSON, how it is written, what is taken out of it."""

import json
import math
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings

from documents.errors import PayloadCyclic, PayloadInvalid, PayloadTooDeep, PayloadTooLarge
from documents.services.payload_values import (
    MOST_VALUES,
    PAYLOAD,
    check,
    compact,
    decode,
    encode,
    references_in,
)
from tests.documents.payload_samples import VALUES, nested, typed

MIB = 1024 * 1024


@given(VALUES)
def test_the_encoded_form_comes_back_exactly(value: Any) -> None:
    assert typed(decode(json.loads(compact(encode(value))), lambda _: None)) == typed(value)


@given(VALUES)
def test_an_encoded_form_survives_a_store_that_knows_neither_nul_nor_exponents(value: Any) -> None:
    text = compact(encode(value)).decode()

    assert "\\u0000" not in text
    assert [number for number in numbers_in(json.loads(text, parse_float=str)) if "e" in number] == []


def numbers_in(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers_in(part)]
    return [value] if isinstance(value, str) and value.replace("-", "").replace(".", "").isdigit() else []


@given(VALUES)
@settings(max_examples=50)
def test_no_value_holds_a_reference(value: Any) -> None:
    assert list(references_in(encode(value))) == []


def test_without_the_escape_a_typed_marker_would_be_a_reference() -> None:
    typed_by_somebody = {"note": {PAYLOAD: {"id": "anything"}}}

    assert list(references_in(typed_by_somebody)) == [{"id": "anything"}]
    assert list(references_in(encode(typed_by_somebody))) == []


@pytest.mark.parametrize("kind", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_ten_levels_are_allowed_and_eleven_are_not(kind: Callable[[Any], Any]) -> None:
    check(nested(10, kind), max_depth=10, max_size=MIB)
    with pytest.raises(PayloadTooDeep, match="10 deep"):
        check(nested(11, kind), max_depth=10, max_size=MIB)


def test_a_hundred_thousand_levels_are_refused_without_recursion() -> None:
    with pytest.raises(PayloadTooDeep):
        check(nested(100_000), max_depth=10, max_size=MIB)


def test_what_holds_itself_is_refused_however_long_the_way() -> None:
    itself: list[Any] = []
    itself.append(itself)
    inner: dict[str, Any] = {}
    inner["back"] = long_way = nested(5000, lambda below: [below, inner] if below == 1 else [below])

    for cyclic in (itself, {"a": [itself]}, inner, long_way):
        with pytest.raises(PayloadCyclic):
            check(cyclic, max_depth=10, max_size=MIB)


def test_the_same_list_twice_is_no_cycle() -> None:
    shared = [1, 2]

    check({"a": shared, "b": [shared, shared]}, max_depth=10, max_size=MIB)


def test_a_value_that_doubles_at_every_level_is_refused_at_once() -> None:
    value: Any = "lol"
    for _ in range(90):
        value = [value, value]
    began = time.monotonic()

    with pytest.raises(PayloadTooLarge):
        check(value, max_depth=100, max_size=16 * MIB)

    # All of its levels would take longer than there is time.
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("value", ["x" * 1001, {"x" * 1001: 1}, [b"x" * 1001], ["x"] * 600])
def test_what_is_larger_than_the_limit_is_refused_before_it_is_written(value: Any) -> None:
    with pytest.raises(PayloadTooLarge, match="1,000 bytes"):
        check(value, max_depth=10, max_size=1000)


def test_a_million_values_are_the_limit_whatever_their_size() -> None:
    with pytest.raises(PayloadTooLarge, match="1,000,000 values"):
        check([0] * (MOST_VALUES + 1), max_depth=10, max_size=64 * MIB)


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (math.nan, "NaN"),
        (-math.inf, "infinite"),
        ({1: "a"}, "int"),
        ({None: "a"}, "NoneType"),
        ({b"a": 1}, "bytes"),
        ((1, 2), "tuple"),
        ({1, 2}, "set"),
        (object(), "object"),
        (bytearray(b"a"), "bytearray"),
        (Colour.RED, "Colour"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (2**53, "write it as a text"),
        (-(2**53), "write it as a text"),
    ],
)
def test_what_json_cannot_hold_exactly_is_refused_and_named(value: Any, word: str) -> None:
    for place in (value, [value], {"a": [value]}):
        with pytest.raises(PayloadInvalid, match=word):
            check(place, max_depth=10, max_size=MIB)


@pytest.mark.parametrize("value", [{("canary",): 1}, ["canary\ud800"], {"canary": object()}])
def test_a_message_never_tells_the_value(value: Any) -> None:
    with pytest.raises(PayloadInvalid) as raised:
        check(value, max_depth=10, max_size=MIB)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "encoded",
    [
        {"$vault:unknown": 1},
        {"$vault:payload": 1, "other": 2},
        {"$vault:bytes": "not base64"},
        {"$vault:bytes": 5},
        {"$vault:text": "//79"},
        {"$vault:number": "inf"},
        {"$vault:number": "1"},
        {"$vault:number": None},
        {"$vault:name:====": 1},
    ],
)
def test_a_reserved_name_that_stands_for_nothing_is_refused(encoded: Any) -> None:
    with pytest.raises(PayloadInvalid, match=r"\$vault:"):
        decode(encoded, lambda _: None)
