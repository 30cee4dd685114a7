"""Whether what this process would seal for may still be sealed for: a key ring may be older than the vault's keys."""

from datetime import timedelta

from documents.encryption.keyring import KeyRing
from documents.errors import RetiredKek
from documents.models import KekRecord
from documents.models.clock import database_now

# So long after a new primary was made the earlier one may go on to seal: key files are carried between machines.
GRACE = timedelta(hours=1)


def demand_current(ring: KeyRing) -> None:
    """Raises RetiredKek where a recipient of the ring was retired, or its primary was replaced by another long ago.

    What is sealed for a retired KEK might never be opened; a ring.json that was lost brings an earlier primary back.
    """
    records = {record.kek_id: record for record in KekRecord.objects.all()}
    recipients = [records[kek.kek_id.hex()] for kek in ring.recipients if kek.kek_id.hex() in records]
    for record in recipients:
        if record.retired_at is not None:
            raise RetiredKek(
                f"KEK {record} was retired, and this process would still seal for it: its key files or its settings "
                "are older than the vault's. Give it the present ones."
            )
    times = {record.kek_id: record.made_primary_at for record in records.values() if record.made_primary_at}
    own = ring.primary.kek_id.hex()
    newest = max(times, key=lambda kek_id: times[kek_id], default=own)
    if own in times and own != newest and times[newest] < database_now() - GRACE:
        raise RetiredKek(
            f"KEK {own[:16]} was primary once; since then it is {newest[:16]}. ring.json is missing from the key "
            "directory, or it or the settings are older than the vault's: put the present ones back. To make this "
            f"KEK primary again run rotate_keys --to {own[:16]}, without --to where KEKs come out of the environment."
        )
