"""A status means the same with every provider over HTTP; a code that the vendor documents comes before it."""

import pytest

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
from documents.storage.translation import Meaning, Translation

TRANSLATION = Translation(
    {"NoSuchKey": (ObjectNotFound, ""), "Quota": (StorageFull, "raise it")},
    credentials="credentials",
    permission="permission",
    later="later",
    more={410: (ObjectNotFound, "gone")},
)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0, (StorageUnavailable, "later")),
        (200, (StorageUnavailable, "later")),
        (302, (StorageError, "The store refused the request: look at its log")),
        (400, (StorageError, "The store refused the request: look at its log")),
        (401, (StorageAccessDenied, "credentials")),
        (403, (StorageAccessDenied, "permission")),
        (404, (ObjectNotFound, "")),
        (408, (StorageUnavailable, "later")),
        (409, (StorageUnavailable, "later")),
        (410, (ObjectNotFound, "gone")),
        (412, (ObjectExists, "")),
        (416, (RangeNotSatisfiable, "")),
        (418, (StorageError, "The store refused the request: look at its log")),
        (429, (StorageUnavailable, "later")),
        (500, (StorageUnavailable, "later")),
        (501, (UnsupportedOperation, "This store lacks the operation")),
        (503, (StorageUnavailable, "later")),
        (507, (StorageFull, "Make room in the store")),
    ],
)
def test_a_status_has_one_meaning(status: int, meaning: Meaning) -> None:
    assert TRANSLATION.meaning(status) == meaning
    assert TRANSLATION.meaning(status, ["Unheard", ""]) == meaning


def test_the_first_code_that_is_known_comes_before_the_status() -> None:
    assert TRANSLATION.meaning(403, ["Unheard", "Quota", "NoSuchKey"]) == (StorageFull, "raise it")
