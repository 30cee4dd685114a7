"""Stores that are not cleared because a database was made again from their objects, and not accepted yet.

To such a database every object that it does not name would be left over, and a young store keeps no epoch that tells.
"""

from collections.abc import Iterable

from documents.models import CollectedStore


def withhold(names: Iterable[str]) -> None:
    """Have the collector leave these stores alone until they are accepted. Call it in a transaction."""
    for name in names:
        CollectedStore.objects.update_or_create(storage_type=name, defaults={"written_epoch": CollectedStore.WITHHELD})


def release(names: Iterable[str]) -> None:
    """Let them be cleared again."""
    held = CollectedStore.objects.filter(storage_type__in=list(names), written_epoch=CollectedStore.WITHHELD)
    held.update(written_epoch=0)
