"""Whether what this process would seal for may still be sealed for: a key ring may be older than the vault's keys."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from documents.encryption.keyring import Kek, KeyRing
from documents.encryption.recipients import recipients_digest
from documents.errors import RetiredKek
from documents.models import KekRecord, UpkeepRun
from documents.models.clock import database_now
from documents.models.upkeep import UNFINISHED

# So long after a KEK was replaced it may go on to seal: key files are carried between machines.
GRACE = timedelta(hours=1)


def demand_current(ring: KeyRing, *, chosen: Collection[Kek] = (), grace: timedelta = GRACE) -> None:
    """Raises RetiredKek where a recipient of the ring was destroyed, retired, or replaced longer than ``grace`` ago.

    What is sealed for a retired KEK might never be opened; a ring.json that was lost brings an earlier primary back.
    Those that an operator has ``chosen`` to seal again may have been retired or replaced, and never destroyed.
    """
    by_choice = {kek.kek_id.hex() for kek in chosen}
    now = database_now()
    for record in _records_of(ring):
        if record.destruction_begun_at is not None:
            raise RetiredKek(
                f"KEK {record} was destroyed: nothing is sealed for it any more, even where a file of it is left or "
                "came back. Put the present key files and ring.json there."
            )
        if record.kek_id in by_choice:
            continue
        if record.retired_at is not None:
            raise RetiredKek(
                f"KEK {record} was retired, and this process would still seal for it: its key files or its settings "
                f"are older than the vault's. Give it the present ones, or have the KEK seal again: {_again(ring)}."
            )
        if _is_replaced(record, now - grace) and not _is_coming(ring):
            raise RetiredKek(
                f"KEK {record} sealed once, and was replaced. ring.json is missing, or the key files of this process "
                "are older than the vault's, or VAULT_PRIMARY_KEK and VAULT_RECOVERY_KEK name older ones: put the "
                f"present ones there. To have these KEKs seal again: {_again(ring)}."
            )


def is_outdated(ring: KeyRing) -> bool:
    """Whether others seal now than this ring has: its key files are to be replaced by the vault's present ones."""
    now = database_now()
    outdated = any(record.retired_at or _is_replaced(record, now) for record in _records_of(ring))
    return outdated and not _is_coming(ring)


def target_of(recipients: Iterable[Kek]) -> str:
    """Return what rows have in ``recipients`` once they are wrapped for these, the primary first."""
    return recipients_digest(kek.kek_id for kek in recipients)


def _records_of(ring: KeyRing) -> list[KekRecord]:
    return list(KekRecord.objects.filter(kek_id__in=[kek.kek_id.hex() for kek in ring.recipients]))


def _is_replaced(record: KekRecord, before: datetime) -> bool:
    return record.replaced_at is not None and record.replaced_at <= before


def _is_coming(ring: KeyRing) -> bool:
    """Whether a rotation for just these recipients was begun: who ran it may have died before the records said so."""
    digest = target_of(ring.recipients)
    rotations = UpkeepRun.objects.filter(kind=UpkeepRun.Kind.REWRAP, state__in=UNFINISHED)
    return rotations.filter(options__recipients=digest).exists()


def _again(ring: KeyRing) -> str:
    """The whole command: what is not named would be as it is in the present ring."""
    primary, *recovery = [kek.kek_id.hex()[:16] for kek in ring.recipients]
    return " ".join(["rotate_keys --to", primary, *(f"--recovery {kek_id}" for kek_id in recovery)])
