"""Named rules for what may be stored where."""

from dataclasses import dataclass
from datetime import timedelta

from documents.errors import TypeNotAllowed
from documents.storage.keys import check_key

DEFAULT = "documents"
# What is said of content whose type nobody knows (RFC 2046 §4.5.1).
UNKNOWN_TYPE = "application/octet-stream"
# First segments of keys that the vault manages by its rows: what stands there without a row is garbage.
RESERVED_PREFIXES = frozenset(("documents", "payloads", "trash", "vault", "check", "keyblocks"))


@dataclass(frozen=True, slots=True)
class Policy:
    """``store`` is the name of a provider. ``max_size`` is bytes of what is stored, None without a limit of its own.

    ``allowed_types`` are media types, ``image/*`` for a whole family; none of them allows all. ``retention`` is how
    long an object must be kept: until it is over a deletion is refused. ``key_prefix`` is put before its object keys,
    "" for none. Where ``acknowledge_after_durable`` is off, a write counts once the provider took it, without asking
    it afterwards what it holds.
    """

    name: str
    store: str
    max_size: int | None = None
    allowed_types: tuple[str, ...] = ()
    retention: timedelta | None = None
    key_prefix: str = ""
    acknowledge_after_durable: bool = True

    def allows(self, content_type: str) -> bool:
        """Whether ``type/subtype``, in lower case and without parameters, is one of the allowed types."""
        family, _, _ = content_type.partition("/")
        return not self.allowed_types or bool({content_type, f"{family}/*"} & set(self.allowed_types))

    def check_type(self, content_type: str) -> None:
        """Raises TypeNotAllowed."""
        if not self.allows(content_type):
            raise TypeNotAllowed(content_type, self.allowed_types)

    def key(self, *segments: str) -> str:
        """Return the object key of these segments under the policy's prefix. Raises InvalidObjectKey."""
        key = "/".join(segment for segment in (self.key_prefix, *segments) if segment)
        check_key(key)
        return key
