"""Celery's doors to the services: wake-ups that carry ids at most. Each is harmless twice, in parallel, days late."""

from celery import shared_task
from django.core.management import call_command

import documents.upkeep.tasks  # noqa: F401  # Celery looks for an app's tasks here
from documents.services import collection, deletion, payload_sweeping, staging, unfinished


@shared_task
def sweep_uploads() -> int:
    """Clear up behind uploads that died, expired or were discarded."""
    return staging.sweep_uploads()


@shared_task
def sweep_unfinished() -> int:
    """Remove what killed writers left in the store for new uploads."""
    return unfinished.sweep_unfinished()


@shared_task
def sweep_removals() -> int:
    """Remove the objects of deleted documents that could not be removed at once."""
    return deletion.sweep_removals()


@shared_task
def collect_garbage() -> int:
    """Clear away objects that no row needs: one pass. Returns how many were moved or deleted."""
    return sum(sum(report.changes.values()) for report in collection.collect())


@shared_task
def sweep_payloads() -> int:
    """Remove payloads that nothing refers to any more."""
    return payload_sweeping.sweep_payloads()


@shared_task
def clear_sessions() -> None:
    """Forget sessions that have expired."""
    call_command("clearsessions")
