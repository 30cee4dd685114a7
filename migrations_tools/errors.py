"""Errors of migration: of a run as a whole, and of one object in it.

VaultError
  MigrationRefused          a run that cannot begin or go on; ``run_id`` where another run is the reason
    RowsHeld                another run has the same rows
  StorageError
    IntegrityMismatch
      SourceDamaged         what the source gave is not what the row says
      CopyDamaged           what the destination gave back is not what was put there
    ObjectNotFound
      SourceLost            the source has no such object, nor has the destination
    CopyLost                the destination has no longer what was put there
    DestinationTaken        another object has the key already
"""

from documents.errors import IntegrityMismatch, ObjectNotFound, StorageError, VaultError


class MigrationRefused(VaultError):
    """The message says why, and what to do."""

    status = 409
    code = "migration-refused"

    def __init__(self, message: str, *, run_id: int | None = None) -> None:
        self.run_id = run_id
        super().__init__(message)


class RowsHeld(MigrationRefused):
    code = "rows-held"

    def __init__(self, run_id: int) -> None:
        super().__init__(
            f"Run {run_id} has rows of this one and is not over. Go on with it (--resume {run_id}), or cancel it in "
            "the admin, and begin again.",
            run_id=run_id,
        )


class SourceDamaged(IntegrityMismatch):
    """Nothing of it was kept at the destination."""

    code = "source-damaged"


class CopyDamaged(IntegrityMismatch):
    """The row still names the source."""

    code = "copy-damaged"


class SourceLost(ObjectNotFound):
    """The row names an object that is not there."""


class CopyLost(StorageError):
    """Somebody deleted the copy, or aborted its upload, before it was read back: it is made again."""

    code = "copy-lost"
    retryable = True


class DestinationTaken(StorageError):
    """Neither object was touched; the row still names the source."""

    code = "destination-taken"
