"""Why a database is not rebuilt."""

from documents.errors.base import VaultError


class RebuildRefused(VaultError):
    """The message says why, and what to do. Nothing was changed."""

    status = 409
    code = "rebuild-refused"
