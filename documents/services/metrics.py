"""What an operator's Prometheus reads: operations as they were counted, and what the rows say there is.

``storage_operations_total{provider,operation,status}`` has the success rate and the calls to each store,
``storage_operation_duration_seconds`` the response times, ``storage_bytes_transferred_total`` and
``storage_served_copies_total`` what passed, ``vault_events_total{action}`` what people and tasks did.
"""

import os
import time
from collections.abc import Iterable, Iterator

import structlog
from django.db import DatabaseError
from django.db.models import Count, Sum
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from documents.errors import ConfigurationError, KeyRingError
from documents.key_rings import key_ring
from documents.models import Attachment, Document, ObjectRemoval, Payload, StagedAttachment, UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.services.kek_standing import WRAP_NAMES, wrap_types
from documents.services.sealing_keks import is_outdated

log = structlog.get_logger(__name__)

# Sums over every row: a million of them take a while, and Prometheus asks every 15 seconds.
_FRESH_SECONDS = 60


class RowsCollector:
    """Gauges out of the database, at most once in a while."""

    def __init__(self) -> None:
        self._at, self._kept = float("-inf"), list[Metric]()

    def collect(self) -> Iterable[Metric]:
        """Where the database does not answer, ``vault_rows_up`` is 0, and alone: the counters are wanted more."""
        if time.monotonic() - self._at > _FRESH_SECONDS:
            try:
                self._kept = list(_from_rows())
            except DatabaseError:
                log.warning("rows_not_counted", exc_info=True)
                return [GaugeMetricFamily("vault_rows_up", "Whether the rows could be counted", value=0)]
            self._at = time.monotonic()
        return self._kept

    def forget(self) -> None:
        """Ask the database at the next time. For tests."""
        self._at = float("-inf")


rows = RowsCollector()


def exposition() -> bytes:
    """Return everything in Prometheus' text format (its documentation, "Exposition formats").

    Where PROMETHEUS_MULTIPROC_DIR is set, as ``python -m vault.run`` does, it is of all the vault's processes.
    """
    gauges = CollectorRegistry()
    gauges.register(rows)
    counted: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return generate_latest(counted) + generate_latest(gauges)


def _from_rows() -> Iterator[Metric]:
    yield GaugeMetricFamily("vault_rows_up", "Whether the rows could be counted", value=1)
    yield GaugeMetricFamily("vault_documents", "Documents", value=Document.objects.count())
    objects = GaugeMetricFamily("vault_stored_objects", "Objects that rows name", labels=["provider", "kind"])
    sizes = GaugeMetricFamily("vault_stored_bytes", "Their size as they are stored", labels=["provider", "kind"])
    for kind, model in (("attachment", Attachment), ("payload", Payload)):
        stores = model._default_manager.order_by().values_list("storage_type")
        for name, count, size in stores.annotate(Count("pk"), Sum("sealed_size")):
            objects.add_metric([name, kind], count)
            sizes.add_metric([name, kind], size)
    yield objects
    yield sizes
    staged = GaugeMetricFamily("vault_staged_attachments", "Uploads that are not documents yet", labels=["state"])
    for state, count in StagedAttachment.objects.order_by().values_list("state").annotate(Count("pk")):
        staged.add_metric([state], count)
    yield staged
    suspect = Attachment.objects.exclude(suspect_at=None).count()
    yield GaugeMetricFamily("vault_suspect_attachments", "Attachments that failed to verify", value=suspect)
    wraps = GaugeMetricFamily("vault_attachments_by_wrap", "Attachments by how their DEK is wrapped", labels=["wrap"])
    for wrap, wrapped in wrap_types().items():
        wraps.add_metric([WRAP_NAMES.get(wrap, str(wrap))], wrapped)
    yield wraps
    yield from _key_ring()
    found = GaugeMetricFamily("vault_findings", "What the last complete verification found", labels=["class"])
    for code, count in _last_findings():
        found.add_metric([code], count)
    yield found
    waiting = ObjectRemoval.objects.count()
    yield GaugeMetricFamily("vault_waiting_removals", "Objects of deleted documents still to remove", value=waiting)


def _key_ring() -> Iterator[Metric]:
    """Nothing where there is no ring: /readyz says so."""
    try:
        outdated = is_outdated(key_ring())
    except (KeyRingError, ConfigurationError):
        return
    told = "Whether this process would seal for KEKs that were replaced or retired: its key files are too old"
    yield GaugeMetricFamily("vault_key_ring_outdated", told, value=outdated)


def _last_findings() -> list[tuple[str, int]]:
    complete = UpkeepRun.objects.filter(
        kind=UpkeepRun.Kind.VERIFY, options__store="", state__in=[UpkeepState.SUCCEEDED, UpkeepState.FAILED]
    )
    last = complete.order_by("-pk").first()
    if last is None:
        return []
    counted = last.findings.order_by().values("code").annotate(count=Count("pk"))
    return [(row["code"], row["count"]) for row in counted]
