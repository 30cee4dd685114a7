"""Errors of documents that are adopted."""

from documents.errors.base import VaultError


class AdoptionError(VaultError):
    code = "adoption-error"


class SourceRefused(AdoptionError):
    """This original is not adopted. ``reason`` is the stable word for reports."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class AlreadyAdopted(AdoptionError):
    code = "already-adopted"
    message = "Another run adopted this original at the same time."


class AdoptionStopped(AdoptionError):
    code = "adoption-stopped"
    message = "Stopped. Nothing of this original was kept."
