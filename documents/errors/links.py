"""Errors of links."""

from datetime import timedelta

from documents.errors.base import VaultError


class LinkError(VaultError):
    pass


class LinkNotFound(LinkError):
    status = 404
    code = "link-not-found"
    message = "There is no such link. Check that the address was copied whole."


class LinkGone(LinkError):
    status = 410
    code = "link-gone"
    message = "This link has ended: it expired, was revoked or was used up. Ask its sender for a new one."


class LinkRejected(LinkError):
    status = 422
    code = "link-rejected"


class LinkPasswordRequired(LinkError):
    status = 401
    code = "link-password-required"
    message = "This link asks for a password. Open it in a browser and enter the one its sender gave you."


class LinkPasswordWrong(LinkError):
    status = 403
    code = "link-password-wrong"
    message = "That is not the password of this link. Check it with its sender."


class LinkLocked(LinkError):
    status = 429
    code = "link-locked"

    def __init__(self, retry_after: timedelta) -> None:
        """``retry_after`` is how long the lock still lasts; people are told whole minutes, at least one."""
        self.retry_after = retry_after
        minutes = max(1, round(retry_after / timedelta(minutes=1)))
        super().__init__(f"Too many wrong passwords. Try again in {minutes} minutes.")
