"""Named providers under named policies: the one object that other code stores through.

It stores bytes as they are. Sealing is not done here: whoever stores what is confidential seals it first, as
``documents.services.uploads`` and ``documents.filestorage`` do.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from documents.errors import (
    IntegrityMismatch,
    ObjectNotFound,
    PolicyNotFound,
    RetentionActive,
    StorageError,
)
from documents.storage.base import Buffer, ObjectReader, StorageProvider
from documents.storage.limits import limited
from documents.storage.policies import DEFAULT, UNKNOWN_TYPE, Policy
from documents.storage.stored import StoredObject


class StorageManager:
    """``provider_of`` gives a provider by its name, and raises ConfigurationError for one that is not there.

    For any number of threads. It holds nothing open; providers are closed by whoever made them.
    """

    def __init__(self, provider_of: Callable[[str], StorageProvider], policies: Mapping[str, Policy]) -> None:
        self._provider_of, self._policies = provider_of, dict(policies)

    def policy(self, name: str = DEFAULT) -> Policy:
        """Raises PolicyNotFound."""
        try:
            return self._policies[name]
        except KeyError:
            known = ", ".join(sorted(self._policies))
            raise PolicyNotFound(f"There is no policy {name!r}. There are {known}.") from None

    def policies(self) -> list[Policy]:
        """All of them."""
        return list(self._policies.values())

    def provider(self, name: str) -> StorageProvider:
        """The provider that references name. Raises ConfigurationError."""
        return self._provider_of(name)

    def store(
        self,
        chunks: Iterable[Buffer] | Buffer,
        *,
        policy: str = DEFAULT,
        namespace: str = "",
        filename: str = "",
        content_type: str = UNKNOWN_TYPE,
        extra: Mapping[str, Any] | None = None,
    ) -> StoredObject:
        """Store the bytes under a new key: prefix of the policy, ``namespace``, date, a random id.

        Count and checksum are taken while they flow. Raises TypeNotAllowed and ObjectTooLarge by the policy, and
        StorageError; nothing is left then.
        """
        rule = self.policy(policy)
        rule.check_type(content_type)
        now, provider = datetime.now(UTC), self.provider(rule.store)
        key = rule.key("objects", namespace, f"{now:%Y/%m/%d}", str(uuid.uuid4()))
        reference = provider.put_stream(key, limited(chunks, rule.max_size, provider=provider.name, key=key))
        if rule.acknowledge_after_durable and (found := provider.head(key).size) != reference.size:
            with suppress(StorageError):
                provider.delete(key)
            raise IntegrityMismatch(
                f"{reference.size:,} bytes were written and {found:,} are stored", provider=provider.name, key=key
            )
        return StoredObject(
            key=key,
            provider=provider.name,
            size=reference.size,
            checksum=reference.checksum,
            content_type=content_type,
            filename=filename,
            created_at=now,
            policy=rule.name,
            retain_until=now + rule.retention if rule.retention else None,
            extra=extra or {},
        )

    def open(self, stored: StoredObject, *, start: int = 0, length: int | None = None) -> ObjectReader:
        """Open it, or a range of it; the caller closes the reader. Raises ObjectNotFound, RangeNotSatisfiable."""
        return self.provider(stored.provider).open(stored.key, start=start, length=length)

    def get(self, stored: StoredObject) -> bytes:
        """Return all of it; for small objects. Raises ObjectNotFound."""
        return self.provider(stored.provider).get(stored.key)

    def exists(self, stored: StoredObject) -> bool:
        return self.provider(stored.provider).exists(stored.key)

    def delete(self, stored: StoredObject) -> None:
        """Delete it; again does no harm. Raises RetentionActive while it must be kept."""
        if stored.retain_until and stored.retain_until > datetime.now(UTC):
            raise RetentionActive(stored.retain_until)
        self.provider(stored.provider).delete(stored.key)


def is_not_found(error: BaseException) -> bool:
    """Whether ``error`` says that an object is not there, whatever the provider."""
    return isinstance(error, ObjectNotFound)
