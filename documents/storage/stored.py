"""A reference to a stored object that stands on its own: enough to find it, check it and give it to somebody."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from datetime import datetime
from typing import Any, Self

from documents.errors import ReferenceInvalid

SCHEMA = "document-vault.stored-object"
VERSION = 1


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``size`` is bytes, ``checksum`` is ``sha256:`` and hex, both of the bytes as they are stored. Times are UTC.

    ``extra`` is the caller's own, plain JSON. ``retain_until`` is when the object may be deleted, None for any time.
    """

    key: str
    provider: str
    size: int
    checksum: str
    content_type: str
    filename: str
    created_at: datetime
    policy: str
    retain_until: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """Provider and key as one text, for people and logs."""
        return f"{self.provider}:{self.key}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, with a schema and a version."""
        plain = asdict(self) | {"extra": dict(self.extra), "schema": SCHEMA, "version": VERSION}
        plain["created_at"] = self.created_at.isoformat()
        plain["retain_until"] = self.retain_until and self.retain_until.isoformat()
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """The reverse of ``to_json``. Raises ReferenceInvalid for anything else, or of another version."""
        fields = dict(plain)
        if (fields.pop("schema", None), fields.pop("version", None)) != (SCHEMA, VERSION):
            raise ReferenceInvalid(f"This is no reference of schema {SCHEMA}, version {VERSION}.")
        try:
            fields["created_at"] = datetime.fromisoformat(fields["created_at"])
            fields["retain_until"] = fields["retain_until"] and datetime.fromisoformat(fields["retain_until"])
            made = cls(**{name.name: fields.pop(name.name) for name in dataclass_fields(cls)})
        except (KeyError, TypeError, ValueError) as error:
            raise ReferenceInvalid("This reference lacks a field, or has one that is none.") from error
        texts = (made.key, made.provider, made.checksum, made.content_type, made.filename, made.policy)
        if not all(isinstance(text, str) for text in texts) or type(made.size) is not int or made.size < 0:
            raise ReferenceInvalid("This reference has a field of the wrong type.")
        if fields or made.created_at.tzinfo is None or not isinstance(made.extra, Mapping):
            raise ReferenceInvalid("This reference has a field of the wrong type.")
        return made
