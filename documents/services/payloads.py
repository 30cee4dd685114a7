"""Payloads: large JSON values are sealed into storage, and a small value with references stands for them.

``dehydrate`` seals what is large, ``hydrate`` is its exact inverse, ``release`` removes what was sealed. Documents keep
their attributes so; another app may as well send the small value where a large one has no place, to a Celery task for
example (docs/payloads.md). What is taken out is ``payload_plan``'s rule, the form of the rest ``payload_values``'s.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.contrib.auth.models import User

from documents.conf.payloads import DEEPEST
from documents.errors import PayloadReferenceInvalid, PayloadTooLarge
from documents.models import Payload
from documents.services.actors import SYSTEM, Actor
from documents.services.payload_holders import register_holder
from documents.services.payload_plan import MOST_REFERENCES, Body, bodies_in, plan, with_references
from documents.services.payload_references import rows_of
from documents.services.payload_sealing import open_payload, seal_payload
from documents.services.payload_sweeping import remove_payloads
from documents.services.payload_values import JSON, PAYLOAD, check, decode, references_in
from documents.wiring import vault_config

__all__ = ["Dehydrated", "Limits", "dehydrate", "hydrate", "register_holder", "release", "seal_value"]

_ATTRIBUTION = re.compile(r"[A-Za-z0-9_.-]{1,100}")
# By how much a reference is deeper than what it stands for.
_DEPTH_OF_REFERENCE = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """``inline_limit`` in bytes, ``max_depth`` in lists and objects inside one another."""

    inline_limit: int
    max_depth: int

    def __post_init__(self) -> None:
        if self.inline_limit < 0 or not 1 <= self.max_depth <= DEEPEST:
            raise ValueError(f"inline_limit is 0 bytes or more, max_depth 1 to {DEEPEST}")


@dataclass(frozen=True, slots=True)
class Dehydrated:
    """The small value, and the rows that were made for it."""

    value: JSON
    payloads: tuple[Payload, ...] = ()


def dehydrate(
    value: JSON,
    *,
    attribution: str,
    owner: User | None = None,
    actor: Actor = SYSTEM,
    inline_limit: int | None = None,
    max_depth: int | None = None,
    expires_in: timedelta | None = None,
) -> JSON:
    """Seal what is large in a value and return a JSON value of some KiB that ``hydrate`` makes it of again.

    ``value`` is made of plain dict, list, str, int, float, bool, None, and bytes. ``attribution`` is the label of the
    app, ``owner`` whose it is (None: the system's): hydrating asks for both. Where nobody registered holds it, it is
    kept for ``expires_in``, by default 24 hours (VAULT_PAYLOAD_GRACE). ``inline_limit`` is in bytes of the compact JSON
    form and ``max_depth`` in lists and objects inside one another, at most 100; by default VAULT_PAYLOAD_INLINE_LIMIT
    (1 KiB) and VAULT_PAYLOAD_MAX_DEPTH (10).

    Raises PayloadInvalid, PayloadCyclic, PayloadTooDeep or PayloadTooLarge before anything is stored; StorageError,
    ConfigurationError or KeyRingError where it cannot be stored, and then nothing is left over. Inside a transaction
    of the caller's whatever has to be sealed is refused with RuntimeError.
    """
    config = vault_config().payloads
    limits = Limits(
        config.inline_limit if inline_limit is None else inline_limit,
        config.max_depth if max_depth is None else max_depth,
    )
    return seal_value(
        value, attribution=attribution, owner=owner, actor=actor, expires_in=expires_in, limits=limits
    ).value


def seal_value(
    value: JSON,
    *,
    attribution: str,
    owner: User | None,
    actor: Actor,
    limits: Limits,
    expires_in: timedelta | None = None,
) -> Dehydrated:
    """As ``dehydrate``, for a service that holds the rows in a row of its own."""
    config = vault_config().payloads
    if not _ATTRIBUTION.fullmatch(attribution):
        raise ValueError("attribution is an app's label: letters, digits, '_', '-' and '.', at most 100")
    check(value, max_depth=limits.max_depth, max_size=config.max_size)
    planned = plan(value, limits.inline_limit)
    if planned.size + sum(len(body.data) for body in bodies_in(planned.encoded)) > config.max_size:
        raise PayloadTooLarge(config.max_size)
    made: list[Payload] = []
    group_id, kept_for = uuid4(), config.grace if expires_in is None else expires_in

    def seal(body: Body) -> JSON:
        payload, reference = seal_payload(
            body, group_id=group_id, owner=owner, attribution=attribution, actor=actor, kept_for=kept_for
        )
        made.append(payload)
        return {PAYLOAD: reference}

    try:
        return Dehydrated(with_references(planned.encoded, seal), tuple(made))
    except BaseException:
        if made:
            remove_payloads((payload.pk for payload in made), actor, reason="failed")
        raise


def hydrate(
    value: JSON,
    *,
    attribution: str,
    owner: User | None = None,
    actor: Actor = SYSTEM,
    max_size: int | None = None,
    max_references: int = MOST_REFERENCES,
) -> JSON:
    """Return the value that ``dehydrate`` was given. ``attribution`` and ``owner`` are those it was told.

    At most ``max_references`` are followed, and ``max_size`` bytes of plaintext are read in all, by default 16 and
    VAULT_PAYLOAD_MAX_SIZE (16 MiB). Raises PayloadReferenceInvalid for a reference that is forged, removed, of another
    schema, or of another owner or app; PayloadTooLarge, PayloadTooDeep, PayloadCyclic or PayloadInvalid for a value
    that ``dehydrate`` never made. Nothing is fetched then. Raises PayloadUnreadable for a stored object that is missing
    or damaged, StorageError where the store does not answer, KeyRingError where this process holds no private key.
    """
    most = vault_config().payloads.max_size if max_size is None else max_size
    check(value, max_depth=DEEPEST + _DEPTH_OF_REFERENCE, max_size=most, with_bytes=False)
    references = list(_limited(references_in(value), max_references))
    rows = rows_of(references, owner=owner, attribution=attribution)
    ids = [UUID(reference["id"]) for reference in references]
    if not rows.keys() >= set(ids):
        raise PayloadReferenceInvalid
    if sum(rows[payload_id].size for payload_id in ids) > most:
        raise PayloadTooLarge(most)
    decode(value, lambda _reference: None)  # what is malformed is found before anything is fetched
    return decode(value, lambda reference: _opened(rows[UUID(reference["id"])], actor))


def release(value: JSON, *, attribution: str, owner: User | None = None, actor: Actor = SYSTEM) -> int:
    """Remove the payloads that a dehydrated value refers to, now. Returns how many there still were. Safe to repeat.

    A document's are left alone: replacing its attributes removes them. Raises as ``hydrate`` does for references that
    are not the caller's; nothing is removed then.
    """
    check(value, max_depth=DEEPEST + _DEPTH_OF_REFERENCE, max_size=vault_config().payloads.max_size, with_bytes=False)
    rows = rows_of(list(references_in(value)), owner=owner, attribution=attribution)
    return remove_payloads(rows, actor, reason="released") if rows else 0


def _limited(references: Iterator[JSON], most: int) -> Iterator[JSON]:
    for count, reference in enumerate(references):
        if count == most:
            raise PayloadTooLarge(most, "references")
        yield reference


def _opened(payload: Payload, actor: Actor) -> JSON:
    body = open_payload(payload, actor)
    return body.data if body.content_type == "raw" else decode(json.loads(body.data), _none_inside)


def _none_inside(_reference: JSON) -> JSON:
    raise PayloadReferenceInvalid
