"""One vector, as FORMAT.md §12 describes it."""

import base64
import gzip
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from documents.encryption.vectors.writer import METADATA, Draft


@dataclass(frozen=True)
class Vector:
    """``released`` is the plaintext that leaves the reader; ``error`` None means that it is all that was asked for."""

    name: str
    section: str
    about: str
    object: bytes
    released: bytes = b""
    error: str | None = None
    metadata: Mapping[str, str] | None = None
    keks: Sequence[str] = ("primary",)
    origin_keys: Sequence[str] = ()
    key_blocks: Sequence[bytes] = ()
    expected_ids: tuple[bytes, bytes, bytes] | None = None
    expected_context: bytes | None = None
    range: tuple[int, int] | None = None
    weakest_type: int | None = None
    without_type_2: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The members of FORMAT.md §12, in their order, with null for what is None; those of hybrid.json where set."""
        ids = self.expected_ids and [str(UUID(bytes=value)) for value in self.expected_ids]
        members = {
            "name": self.name,
            "section": self.section,
            "about": self.about,
            "keks": list(self.keks),
            "origin_keys": list(self.origin_keys),
            "key_blocks": [_text(block) for block in self.key_blocks],
            "expected_ids": ids and dict(zip(("vault_id", "document_id", "attachment_id"), ids, strict=True)),
            "expected_context": self.expected_context and _text(self.expected_context),
            "range": self.range and list(self.range),
            "error": self.error,
            "released": {"size": len(self.released), "sha256": hashlib.sha256(self.released).hexdigest()},
            "metadata": self.metadata and dict(self.metadata),
            "object": _text(gzip.compress(self.object, mtime=0)),
        }
        hybrid = {"weakest_type": self.weakest_type, "without_type_2": self.without_type_2}
        return members | {name: value for name, value in hybrid.items() if value is not None}


def opens(draft: Draft, section: str, about: str, **options: Any) -> Vector:
    """A vector in which everything is sound; named by the draft's seed."""
    metadata = {name: draft.metadata[name] for name in METADATA}
    start, stop = options.get("range") or (0, len(draft.plaintext))
    released = draft.plaintext[start:stop]
    return Vector(draft.seed, section, about, draft.object, released=released, metadata=metadata, **options)


def refused(draft: Draft, error: str, section: str, about: str, **options: Any) -> Vector:
    """A vector whose header is refused, so that nothing is released; named by the draft's seed."""
    return Vector(draft.seed, section, about, options.pop("object", None) or draft.object, error=error, **options)


def body_refused(draft: Draft, section: str, about: str, *, object: bytes, released: int, **options: Any) -> Vector:  # noqa: A002
    """A vector with a sound header whose body fails after ``released`` bytes; ``error`` AuthenticationFailed."""
    error = options.pop("error", "AuthenticationFailed")
    start = (options.get("range") or (0,))[0]
    return Vector(
        draft.seed,
        section,
        about,
        object,
        released=draft.plaintext[start : start + released],
        error=error,
        metadata=draft.metadata,
        **options,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
