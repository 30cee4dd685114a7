"""What processes that were killed left in stores, before anything of it became an object that somebody needs."""

from datetime import datetime

import structlog
from django.db.models.functions import Now

from documents.errors import StorageError
from documents.models import Sighting, StagedAttachment
from documents.models.clock import database_now
from documents.services.keys import CHECK_PREFIX, is_place_of_attachments
from documents.services.writers import oldest_write
from documents.storage.base import StorageProvider
from documents.storage.capabilities import UnfinishedWrites
from documents.wiring import configured_providers, vault_config

log = structlog.get_logger(__name__)
State = StagedAttachment.State


def sweep_unfinished() -> int:
    """Remove what killed writers, and killed checks, left in any store and no row names. Returns how much that was.

    Of uploads it spares everything begun since the oldest upload that is still alive began, or the oldest write of
    another registered writer (``writers``), by a lease, which is far more than the clocks of store and database can
    differ. Of other writes no row tells whether they are alive: files of other apps, the collector's copies. Those have
    the collector's grace at least.
    Safe to run at any time, twice and in parallel.
    """
    now = database_now()
    live = StagedAttachment.objects.filter(state=State.RECEIVING, expires_at__gt=Now()).order_by("created_at").first()
    begun = (live.created_at if live else None, oldest_write())
    began = min((moment for moment in begun if moment), default=now)
    dead_upload = vault_config().upload_lease + (now - began)
    any_dead = max(dead_upload, vault_config().collection.grace)
    removed = 0
    for provider in configured_providers():
        try:
            if isinstance(provider, UnfinishedWrites):
                removed += provider.remove_unfinished(older_than=dead_upload, only=_is_of_an_upload)
                removed += provider.remove_unfinished(older_than=any_dead)
            removed += _remove_checks(provider, made_before=now - any_dead)
        except StorageError as error:  # one store that is down does not keep the others
            log.warning("unfinished_not_swept", provider=provider.name, error=str(error))
    return removed


def _is_of_an_upload(path: str) -> bool:
    """Unlike what the collector copies back to the key of an upload: such an object has a row of the collector's."""
    return is_place_of_attachments(path) and not Sighting.objects.filter(storage_path=path).exists()


def _remove_checks(provider: StorageProvider, *, made_before: datetime) -> int:
    """Delete the objects by which somebody tried the store, and was killed before they were deleted again."""
    removed = 0
    for info in provider.iter_locations(CHECK_PREFIX):
        if info.modified_at < made_before:
            provider.delete(info.key)
            removed += 1
    return removed
