"""Whether what this process would seal for may still be sealed for: a key ring may be older than the vault's keys."""

from documents.encryption.keyring import KeyRing
from documents.errors import RetiredKek
from documents.models import KekRecord


def demand_current(ring: KeyRing) -> None:
    """Raises RetiredKek where a recipient of the ring was retired: what is sealed for it might never be opened."""
    ids = [kek.kek_id.hex() for kek in ring.recipients]
    retired = KekRecord.objects.filter(kek_id__in=ids, retired_at__isnull=False).first()
    if retired is not None:
        raise RetiredKek(
            f"KEK {retired} was retired, and this process would still seal for it: its key files or its settings are "
            "older than the vault's. Give it the present ones."
        )
