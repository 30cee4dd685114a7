"""All originals of a place: batch by batch, by several threads, each on its own."""

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from threading import Event

from documents.errors import AdoptionStopped, SourceRefused, VaultError
from documents.models import AdoptedSource, Attachment
from documents.models.connection import release_connection
from documents.services.actors import Actor
from documents.services.adopting.in_place import register, reseal
from documents.services.adopting.limits import Limit
from documents.services.adopting.names import told_by
from documents.services.adopting.opening import digest_at, kind_of, open_original
from documents.services.adopting.outcomes import Outcome, Status, failure_of, outcome_of
from documents.services.adopting.owners import Owners
from documents.services.adopting.places import Place
from documents.services.adopting.sealing import adopt
from documents.services.adopting.sources import Kind, Source, known_sources
from documents.services.adopting.threads import in_threads
from documents.services.digests import opened_digest
from documents.services.patience import patiently


@dataclass(frozen=True)
class Wish:
    """What an operator wants of a place. ``thoroughly`` lets a dry run open every envelope."""

    owners: Owners
    actor: Actor
    with_plain: bool = False
    in_place: bool = False
    dry_run: bool = False
    thoroughly: bool = True
    batch_size: int = 100
    workers: int = 1
    limit: int | None = None
    stop: Event = field(default_factory=Event)

    def keep_on(self) -> None:
        """Raises AdoptionStopped where the whole is to end."""
        if self.stop.is_set():
            raise AdoptionStopped


def adopt_all(place: Place, wish: Wish) -> Generator[Outcome]:
    """Adopt every original of a place that was not adopted before, and yield what became of each, in their order.

    Memory is one batch, whatever the place holds. Safe to stop anywhere, to repeat, and to run twice at once. Raises
    StorageError where the place cannot be listed. Close the iterator to stop: what is in work ends at its next piece.
    """
    listing, limit = place.sources(), Limit(wish.limit)
    waiting: list[Source] = []
    while not limit.is_reached:
        waiting += islice(listing, wish.batch_size - len(waiting))
        if not waiting:
            return
        known = known_sources(waiting)
        batch, waiting = _within(waiting, known, place, wish, limit.left)
        work = in_threads(partial(_one, place, wish, known), batch, workers=wish.workers, stop=wish.stop)
        yield from limit.counting(work)


def reseal_all(wish: Wish) -> Generator[Outcome]:
    """Seal anew whatever is read in place, wherever its object is by now, and yield what became of each.

    As ``adopt_all`` in everything else.
    """
    last, limit = 0, Limit(wish.limit)
    while not limit.is_reached:
        rows = AdoptedSource.objects.filter(in_place=True, attachment__isnull=False, pk__gt=last).order_by("pk")
        count = min(wish.batch_size, limit.left or wish.batch_size)
        batch = list(rows.select_related("attachment__document__owner")[:count])
        if not batch:
            return
        last = batch[-1].pk
        work = in_threads(partial(_one_in_place, wish), batch, workers=wish.workers, stop=wish.stop)
        yield from limit.counting(work)


def _within(
    sources: list[Source], known: dict[str, AdoptedSource], place: Place, wish: Wish, left: int | None
) -> tuple[list[Source], list[Source]]:
    """The beginning, in which at most ``left`` originals are to be worked on, and the rest."""
    if left is None:
        return sources, []
    for number, source in enumerate(sources):
        if left == 0:
            return sources[:number], sources[number:]
        row = known.get(source.identity)
        is_work = row is None or (row.in_place and not wish.in_place)
        left -= is_work and not source.problem and _kind(place, source, wish) is not Kind.LEFT_OUT
    return sources, []


def _kind(place: Place, source: Source, wish: Wish) -> Kind | None:
    """None where it cannot be looked at: that is told when its turn comes."""
    try:
        return kind_of(place, source, with_plain=wish.with_plain)
    except VaultError:
        return None


def _one(place: Place, wish: Wish, known: dict[str, AdoptedSource], source: Source) -> Outcome:
    try:
        wish.keep_on()
        if source.problem:
            raise SourceRefused("unreadable", source.problem)
        if row := known.get(source.identity):
            return _known(place, wish, source, row)
        return _new(place, wish, source)
    except AdoptionStopped:
        raise
    except VaultError as error:
        return failure_of(source.shown, source.size, error)


def _one_in_place(wish: Wish, row: AdoptedSource) -> Outcome:
    assert row.attachment is not None  # noqa: S101  # as it was asked for
    try:
        wish.keep_on()
        return resealed(row, row.attachment, row.key, wish)
    except AdoptionStopped:
        raise
    except VaultError as error:
        return failure_of(row.key, row.size, error)


def _new(place: Place, wish: Wish, source: Source) -> Outcome:
    kind = kind_of(place, source, with_plain=wish.with_plain)
    if kind is Kind.LEFT_OUT or (wish.in_place and kind is Kind.PLAIN):
        return outcome_of(Status.LEFT_OUT, source)
    told = told_by(source.key, is_envelope=kind is Kind.ENVELOPE)
    owner = wish.owners.owner_of(told)
    if wish.dry_run:
        if wish.thoroughly:
            open_original(place, source, kind).close()
        return Outcome(
            Status.PLANNED, source.shown, source.size, code=kind, owner=owner.get_username() if owner else ""
        )
    with open_original(place, source, kind) as original:
        note = source.note(digest=original.digest, in_place=wish.in_place)
        if wish.in_place:
            attachment = register(source, original, note, store=place.store, owner=owner, actor=wish.actor)
            return outcome_of(Status.REGISTERED, source, attachment)
        attachment = adopt(original, note, owner=owner, actor=wish.actor, keep_on=wish.keep_on)
    return outcome_of(Status.ADOPTED, source, attachment)


def _known(place: Place, wish: Wish, source: Source, row: AdoptedSource) -> Outcome:
    """One that was adopted before: sealed anew where it is still read in place, else compared and left."""
    if row.attachment and row.in_place and not wish.in_place:
        return resealed(row, row.attachment, source.shown, wish)
    if (row.size, row.modified_at) != (source.size, source.modified_at):
        _check_same_content(place, source, row)
    return outcome_of(Status.ALREADY, source, row.attachment)


def resealed(row: AdoptedSource, attachment: Attachment, name: str, wish: Wish) -> Outcome:
    """Seal one anew that is read in place. What goes wrong is raised."""
    owner = attachment.document.owner
    outcome = Outcome(
        Status.PLANNED if wish.dry_run else Status.RESEALED,
        name,
        row.size,
        owner=owner.get_username() if owner else "",
        document_id=str(attachment.document_id),
        attachment_id=str(attachment.pk),
    )
    if not wish.dry_run:
        reseal(attachment, actor=wish.actor, keep_on=wish.keep_on)
    return outcome


def _check_same_content(place: Place, source: Source, row: AdoptedSource) -> None:
    """Raises SourceRefused where the original is another than the one that was adopted; one that was touched is not.

    EncryptionError where what it was cannot be told: that says nothing about the original.
    """
    before = row.digest or (row.attachment and patiently(opened_digest, row.attachment))
    release_connection()
    if source.size != row.size or digest_at(place, source) != before:
        raise SourceRefused(
            "changed-since", "It was adopted, and is another file now. Give it another name to adopt it as well."
        )
