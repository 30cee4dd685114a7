"""The root of the tree, and errors of the vault as a whole."""

from typing import ClassVar


class VaultError(Exception):
    """``status`` is the HTTP status (RFC 9110) a face answers with, ``code`` the stable word for machines (the end of
    the problem type, RFC 9457). The message is for people: what happened, what to do, the number; never plaintext, a
    DEK, a token or a presigned URL. Where ``public_message`` is set, the message itself is for operators alone.
    ``retryable`` says whether the same may succeed a little later.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    message: ClassVar[str] = ""  # what an error says that is raised without words of its own
    public_message: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)

    def for_people(self) -> str:
        """The text a face may show to anyone who is allowed to make the request."""
        return self.public_message or str(self)


class ConfigurationError(VaultError):
    code = "configuration-error"
    public_message = "The vault is not configured correctly. Its operator finds the reason in the log."


class DatabaseUnavailable(VaultError):
    status = 503
    code = "database-unavailable"
    message = (
        "The database does not answer, or its disk is full. Nothing was kept. Try again later, or tell your operator."
    )
