"""Writing the audit log. Reading it is a selector's business."""

from uuid import UUID

from django.db import transaction
from prometheus_client import Counter

from documents.models import AuditEvent
from documents.services.actors import Actor

EVENTS = Counter("vault_events", "What was done, by the action of the audit log", ("action",))


def record(
    action: str,
    actor: Actor,
    *,
    document_id: UUID | None = None,
    attachment_id: UUID | None = None,
    link_id: UUID | None = None,
    **detail: str | int | None,
) -> AuditEvent:
    """Add one row. Call it inside the transaction of the change it tells of, so that both or neither are there."""
    transaction.on_commit(EVENTS.labels(action).inc)
    return AuditEvent.objects.create(
        action=action,
        actor=actor.user,
        actor_name=actor.user.get_username() if actor.user else "",
        via=actor.via,
        ip=actor.ip,
        request_id=actor.request_id,
        document_id=document_id,
        attachment_id=attachment_id,
        link_id=link_id,
        detail=detail,
    )
