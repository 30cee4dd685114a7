"""The rows of the vault. Rules live in ``documents.services``, reads in ``documents.selectors``."""

from documents.models.adoption import AdoptedSource
from documents.models.audit import AuditEvent
from documents.models.collection import CollectedStore, Sighting
from documents.models.document import Attachment, Document
from documents.models.keys import KekRecord
from documents.models.link import Link
from documents.models.payload import Payload
from documents.models.sealed import SealedObject
from documents.models.staging import ObjectRemoval, StagedAttachment
from documents.models.token import ApiToken
from documents.models.upkeep import UpkeepFinding, UpkeepRun, UpkeepShare
from documents.models.vault import Vault

__all__ = [
    "AdoptedSource",
    "ApiToken",
    "Attachment",
    "AuditEvent",
    "CollectedStore",
    "Document",
    "KekRecord",
    "Link",
    "ObjectRemoval",
    "Payload",
    "SealedObject",
    "Sighting",
    "StagedAttachment",
    "UpkeepFinding",
    "UpkeepRun",
    "UpkeepShare",
    "Vault",
]
