"""What became of one original."""

from dataclasses import dataclass
from enum import StrEnum

from documents.errors import (
    AlreadyAdopted,
    AuthenticationFailed,
    EncryptionError,
    MalformedEnvelope,
    SourceRefused,
    UnwrapFailed,
    VaultError,
)
from documents.models import Attachment
from documents.services.adopting.sources import Source


class Status(StrEnum):
    """PLANNED is what a dry run would adopt. LEFT_OUT was not asked for: hidden, the vault's own, or plain."""

    ADOPTED = "adopted"
    REGISTERED = "registered"
    RESEALED = "resealed"
    PLANNED = "planned"
    ALREADY = "already-adopted"
    LEFT_OUT = "left-out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``code`` is a stable word and ``detail`` one sentence for people where it failed; ``size`` is the original's.

    ``owner`` is the user name, "" for the system.
    """

    status: Status
    source: str
    size: int
    code: str = ""
    detail: str = ""
    owner: str = ""
    document_id: str = ""
    attachment_id: str = ""
    is_retryable: bool = False


# What a limit counts: what was done, or in a dry run would be.
DONE = frozenset((Status.ADOPTED, Status.REGISTERED, Status.RESEALED, Status.PLANNED))


def outcome_of(status: Status, source: Source, attachment: Attachment | None = None) -> Outcome:
    """Return the outcome of one that did not fail."""
    if attachment is None:
        return Outcome(status, source.shown, source.size)
    owner = attachment.document.owner
    return Outcome(
        status,
        source.shown,
        source.size,
        owner=owner.get_username() if owner else "",
        document_id=str(attachment.document_id),
        attachment_id=str(attachment.pk),
    )


def failure_of(name: str, size: int, error: VaultError) -> Outcome:
    """Return the outcome of one that could not be adopted."""
    if isinstance(error, AlreadyAdopted):
        return Outcome(Status.ALREADY, name, size)
    return Outcome(Status.FAILED, name, size, _code_of(error), str(error), is_retryable=error.retryable)


def _code_of(error: VaultError) -> str:
    match error:
        case SourceRefused():
            return error.reason
        case MalformedEnvelope():
            return "malformed"
        case AuthenticationFailed():
            return "damaged"
        case UnwrapFailed():
            return "key-missing"
        case EncryptionError() if not error.retryable:
            return "keys-unusable"
    return error.code
