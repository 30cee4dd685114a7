"""What the answers of stores over HTTP mean in the vault's own errors: each provider gives its codes and its hints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from documents.errors import (
    ObjectExists,
    ObjectNotFound,
    RangeNotSatisfiable,
    StorageAccessDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UnsupportedOperation,
)

# A class of error, and what an operator can do.
Meaning = tuple[type[StorageError], str]


@dataclass(frozen=True, slots=True)
class Translation:
    """``by_code`` holds the vendor's own codes; the hints are for answers that have none, or one that is not there.

    ``more`` are statuses that mean something with this vendor alone.
    """

    by_code: Mapping[str, Meaning]
    credentials: str
    permission: str
    later: str
    more: Mapping[int, Meaning]

    def meaning(self, status: int, codes: Iterable[str] = ()) -> Meaning:
        """Return the meaning of the first code that is known, or else of the status (RFC 9110), 0 for none."""
        known = next((self.by_code[code] for code in codes if code in self.by_code), None)
        return known or self.more.get(status) or self._by_status(status)

    def _by_status(self, status: int) -> Meaning:
        match status:
            case HTTPStatus.UNAUTHORIZED:
                return StorageAccessDenied, self.credentials
            case HTTPStatus.FORBIDDEN:
                return StorageAccessDenied, self.permission
            case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.CONFLICT | HTTPStatus.TOO_MANY_REQUESTS:
                return StorageUnavailable, self.later
        if status in _PLAIN:
            return _PLAIN[status]
        # A success that holds an error is the store's way to say, after it had begun to answer, that it failed (Amazon
        # S3 API Reference, CompleteMultipartUpload).
        if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return StorageUnavailable, self.later
        return StorageError, "The store refused the request: look at its log"


_PLAIN: Mapping[int, Meaning] = {
    404: (ObjectNotFound, ""),
    412: (ObjectExists, ""),
    416: (RangeNotSatisfiable, ""),
    501: (UnsupportedOperation, "This store lacks the operation"),
    507: (StorageFull, "Make room in the store"),
}
