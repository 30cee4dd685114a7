"""What an operator does with the trash by hand."""

from collections.abc import Iterator

import structlog

from documents.errors import StorageError
from documents.services import audit, trash
from documents.services.actors import Actor
from documents.services.collection_report import StoreReport
from documents.services.keys import TRASH_PREFIX
from documents.storage.base import StorageProvider
from documents.wiring import configured_providers

log = structlog.get_logger(__name__)

EVERYTHING = "all"


def restore_objects(wanted: str, *, storage_type: str | None = None, actor: Actor) -> list[StoreReport]:
    """Move objects back to their keys: the one with this key, or ``all`` of them; a report for each store.

    What is there already stays as it is. Asks for no epoch: it deletes nothing. What no row needs comes to the trash
    again after its two looks.
    """
    reports = []
    for provider in configured_providers():
        if storage_type in (None, provider.name):
            report = StoreReport(provider.name)
            try:
                _restore(provider, wanted, report)
            except StorageError as error:
                report.error = str(error)
            finally:
                if report.returned:
                    audit.record("objects.restored", actor, storage_type=provider.name, returned=report.returned)
            reports.append(report)
    return reports


def _restore(provider: StorageProvider, wanted: str, report: StoreReport) -> None:
    for key in _keys(provider, wanted):
        report.in_trash += 1
        if provider.exists(key):
            continue
        try:
            report.returned += trash.restore(provider, key)
        except StorageError as error:
            # One that is damaged does not keep the others; a store that is down is told with the first.
            if error.retryable:
                raise
            log.warning("object_not_restored", provider=provider.name, key=key, code=error.code)
            report.complain(str(error))


def _keys(provider: StorageProvider, wanted: str) -> Iterator[str]:
    if wanted != EVERYTHING:
        yield wanted.removeprefix(TRASH_PREFIX)
        return
    for info in provider.iter_locations(TRASH_PREFIX):
        yield info.key.removeprefix(TRASH_PREFIX)
