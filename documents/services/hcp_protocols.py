"""Changing by which protocols, and from where, HCP's namespace can be reached."""

from django.db import transaction

from documents.services import audit
from documents.services.actors import Actor
from documents.storage.hcp_documents import Change, changes_between, settings_of, values_of
from documents.storage.hcp_management import HcpManagement
from documents.storage.hcp_settings import ProtocolSettings


def change_protocol(management: HcpManagement, change: ProtocolSettings, *, actor: Actor) -> list[Change]:
    """Make what ``change`` says so, and return what became different; nothing is sent where nothing would.

    Only what differs is sent. The audit log tells of it before and after: "hcp.protocol-change-begun", so that no
    change is made that the log knows nothing of, and "hcp.protocol-changed" once HCP has agreed. It keeps the names of
    the settings and none of their values. Raises the StorageErrors of ``HcpManagement``.
    """
    changes = changes_between(management.read(change.protocol), change)
    if not changes:
        return []
    names = {found.name for found in changes}
    narrowed = settings_of(change.protocol, {name: value for name, value in values_of(change).items() if name in names})
    _record("hcp.protocol-change-begun", management, change, changes, actor)
    management.update(narrowed)
    _record("hcp.protocol-changed", management, change, changes, actor)
    return changes


def _record(
    action: str, management: HcpManagement, change: ProtocolSettings, changes: list[Change], actor: Actor
) -> None:
    with transaction.atomic():
        audit.record(
            action,
            actor,
            tenant=management.tenant,
            namespace=management.namespace,
            protocol=change.protocol.value,
            fields=", ".join(found.name for found in changes),
        )
