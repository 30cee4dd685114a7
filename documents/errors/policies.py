"""Errors of named policies, and of references to stored objects."""

from datetime import datetime

from documents.errors.base import VaultError


class PolicyError(VaultError):
    status = 422


class PolicyNotFound(PolicyError):
    status = 500
    code = "policy-not-found"


class TypeNotAllowed(PolicyError):
    status = 415
    code = "type-not-allowed"

    def __init__(self, content_type: str, allowed: tuple[str, ...]) -> None:
        """``allowed`` are media types."""
        super().__init__(
            f"{content_type} cannot be stored here. Allowed: {', '.join(allowed)}. Nothing of it was kept."
        )


class RetentionActive(PolicyError):
    status = 409
    code = "retention-active"

    def __init__(self, until: datetime) -> None:
        """``until`` is aware."""
        super().__init__(f"This must be kept until {until:%Y-%m-%d %H:%M} UTC. It can be deleted after that.")


class ReferenceInvalid(PolicyError):
    status = 400
    code = "reference-invalid"
