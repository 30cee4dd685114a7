"""What of a value is taken out to be sealed, and what stays inline.

A value whose compact form has at most ``inline_limit`` bytes stays as it is. A larger text, number or list is sealed as
one payload. A larger object is looked at member by member, depth-first, by the same rule, so that a large member leaves
its small siblings readable. Where those are too large together, the largest is taken out whole, then the next, in the
order of their sizes and then of the object, until what stays is within the limit. Members smaller than a reference
gain nothing by that and stay; where they are too large together, or more than 16 payloads would come of one value, the
object is sealed as one.

So the result has at most ``inline_limit`` bytes beside at most 16 references, whatever came in; a reference has some
400 bytes. The same value with the same limit is always taken apart alike. What is sealed holds no references: nothing
that is fetched leads to anything else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from documents.services.payload_values import JSON, compact, encode, encode_name

MOST_REFERENCES = 16
# About what a reference takes, in bytes.
REFERENCE_SIZE = 400


@dataclass(frozen=True, slots=True)
class Body:
    """What one payload will hold: the compact form of a value, or, ``raw``, bytes as they are."""

    data: bytes
    content_type: Literal["json", "raw"] = "json"


@dataclass(frozen=True, slots=True)
class Plan:
    """``encoded`` with a Body wherever a reference will stand; ``size`` is that of all but the bodies, in bytes."""

    encoded: JSON
    size: int
    bodies: int = 0


def plan(value: JSON, inline_limit: int) -> Plan:
    """Take apart a value that ``payload_values.check`` let through."""
    encoded = encode(value)
    size = len(compact(encoded))
    if size <= inline_limit:
        return Plan(encoded, size)
    return (_plan_members(value, inline_limit) if type(value) is dict else None) or _whole(value)


def _whole(value: JSON) -> Plan:
    body = Body(value, "raw") if type(value) is bytes else Body(compact(encode(value)))
    return Plan(body, 0, 1)


def _plan_members(value: dict[str, JSON], inline_limit: int) -> Plan | None:
    """Return None where the object is better sealed as one."""
    plans = {name: plan(member, inline_limit) for name, member in value.items()}
    # The braces, the names, a colon behind each and a comma between two.
    frame = 2 + sum(len(compact(encode_name(name))) + 1 for name in plans) + max(0, len(plans) - 1)
    excess = frame + sum(part.size for part in plans.values()) - inline_limit
    for name in sorted(plans, key=lambda name: -plans[name].size):
        if excess <= 0 or plans[name].size < REFERENCE_SIZE:
            break
        excess -= plans[name].size
        plans[name] = _whole(value[name])
    bodies = sum(part.bodies for part in plans.values())
    if excess > 0 or bodies > MOST_REFERENCES:
        return None
    encoded = {encode_name(name): part.encoded for name, part in plans.items()}
    return Plan(encoded, excess + inline_limit, bodies)


def with_references(encoded: JSON, seal: Callable[[Body], JSON]) -> JSON:
    """Return the planned form with what ``seal`` gives for each Body in its place, in order."""
    if isinstance(encoded, Body):
        return seal(encoded)
    if type(encoded) is dict:
        return {name: with_references(member, seal) for name, member in encoded.items()}
    return encoded


def bodies_in(encoded: JSON) -> list[Body]:
    """Return every Body of a plan, in order. A list holds none: it is inline or sealed whole."""
    if isinstance(encoded, Body):
        return [encoded]
    return [body for member in encoded.values() for body in bodies_in(member)] if type(encoded) is dict else []
