"""What of a value is taken out to be sealed, and what stays."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.services.payload_plan import MOST_REFERENCES, Body, bodies_in, plan, with_references
from documents.services.payload_values import PAYLOAD, compact, decode, encode
from tests.documents.payload_samples import VALUES, typed


def planned_and_back(value: Any, inline_limit: int) -> Any:
    """Take apart, write as JSON, and put together again, with a list of bodies in the place of a store."""
    bodies: list[Body] = []

    def seal(body: Body) -> Any:
        bodies.append(body)
        return {PAYLOAD: {"number": len(bodies) - 1}}

    def opened(reference: Any) -> Any:
        body = bodies[reference["number"]]
        return body.data if body.content_type == "raw" else decode(json.loads(body.data), opened)

    stored = json.loads(compact(with_references(plan(value, inline_limit).encoded, seal)))
    return decode(stored, opened)


@given(VALUES, st.integers(0, 200))
def test_what_is_taken_apart_comes_back_exactly_whatever_the_limit(value: Any, inline_limit: int) -> None:
    assert typed(planned_and_back(value, inline_limit)) == typed(value)


@given(VALUES, st.integers(0, 200))
def test_what_stays_is_within_the_limit_and_the_references_are_few(value: Any, inline_limit: int) -> None:
    planned = plan(value, inline_limit)

    assert planned.size <= inline_limit
    assert len(bodies_in(planned.encoded)) == planned.bodies <= MOST_REFERENCES
    if planned.bodies == 0:
        assert planned.size == len(compact(planned.encoded))
    else:
        inline = len(compact(with_references(planned.encoded, lambda _: 0))) - planned.bodies
        assert inline == planned.size


def test_a_large_member_is_taken_out_and_its_siblings_stay_readable() -> None:
    value = {"title": "Contract", "person": {"name": "Ann", "photo": "x" * 5000}, "pages": 3}

    planned = plan(value, 1024)

    body = Body(compact("x" * 5000))
    assert planned.encoded == {"title": "Contract", "person": {"name": "Ann", "photo": body}, "pages": 3}


def test_a_large_list_is_sealed_as_one() -> None:
    planned = plan({"numbers": list(range(1000)), "kind": "table"}, 1024)

    assert planned.encoded == {"numbers": Body(compact(list(range(1000)))), "kind": "table"}


def test_of_members_that_are_too_large_together_the_largest_go_first() -> None:
    planned = plan({"a": "a" * 500, "b": "b" * 700, "c": "c" * 600, "d": "d"}, 1024)

    assert planned.encoded == {"a": "a" * 500, "b": Body(compact("b" * 700)), "c": Body(compact("c" * 600)), "d": "d"}


def test_many_small_members_are_sealed_as_one_object() -> None:
    value = {f"name {n}": n for n in range(1000)}

    assert plan(value, 1024).encoded == Body(compact(value))


def test_more_members_than_references_are_sealed_as_one_object() -> None:
    value = {f"{n}": "x" * 2000 for n in range(MOST_REFERENCES + 1)}

    assert plan(value, 1024).encoded == Body(compact(value))
    del value["0"]
    assert plan(value, 1024).bodies == MOST_REFERENCES


def test_bytes_are_sealed_raw_and_small_ones_stay() -> None:
    planned = plan({"scan": b"%PDF" * 1000, "seal": b"abc"}, 1024)

    assert planned.encoded == {"scan": Body(b"%PDF" * 1000, "raw"), "seal": {"$vault:bytes": "YWJj"}}


def test_the_limit_counts_the_compact_form_in_utf8() -> None:
    text = "ü" * 511  # 1,022 bytes and two quotation marks

    assert plan(text, 1024).encoded == text
    assert plan(text + "x", 1024).encoded == Body(compact(text + "x"))


@given(VALUES)
@settings(max_examples=50)
def test_the_same_value_is_always_taken_apart_alike(value: Any) -> None:
    again = decode(json.loads(compact(encode(value))), lambda _: None)

    assert plan(value, 50) == plan(again, 50)
