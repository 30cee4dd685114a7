"""Repeats a conditional write that met another one in the middle of its work."""

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from documents.errors import StorageUnavailable
from documents.storage.s3_errors import code_of

# Answers of 409 with which S3 asks for the same request again (S3 User Guide, "Conditional requests").
_CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}
_PAUSES = (0.05, 0.2, 0.8)


Answer = TypeVar("Answer")


def retry_conflicts(call: Callable[[], Answer]) -> Answer:
    """What ``call`` returns or raises, once it is no conflict any more, or after about a second."""
    for pause in _PAUSES:
        try:
            return call()
        except StorageUnavailable as error:
            if not _is_conflict(error):
                raise
        time.sleep(pause)
    return call()


def _is_conflict(error: StorageUnavailable) -> bool:
    return isinstance(error.__cause__, ClientError) and code_of(error.__cause__) in _CONFLICTS
