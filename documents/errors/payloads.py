"""Errors of payloads: JSON values that are sealed into storage where they are large."""

from documents.errors.base import VaultError


class PayloadError(VaultError):
    status = 422
    code = "payload-invalid"


class PayloadInvalid(PayloadError):
    """``where`` says what does not fit, never the value itself."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}. Nothing of it was kept; send plain JSON.")


class PayloadTooDeep(PayloadError):
    code = "payload-too-deep"

    def __init__(self, limit: int) -> None:
        """``limit`` is how many lists and objects may stand inside one another."""
        super().__init__(f"The value has lists or objects nested more than {limit} deep. Nothing of it was kept.")


class PayloadCyclic(PayloadError):
    code = "payload-cyclic"
    message = "The value holds itself, so it has no end as JSON. Nothing of it was kept."


class PayloadTooLarge(PayloadError):
    status = 413
    code = "payload-too-large"

    def __init__(self, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"The limit of one value is {limit:,} {unit}; this has more. Nothing of it was kept.")


class PayloadReferenceInvalid(PayloadError):
    """One message for a forged, a foreign and a removed one: the answer tells nobody what exists."""

    code = "payload-reference-invalid"
    message = "The value refers to a payload that is not there, or not yours. Nothing was fetched."


class PayloadUnreadable(PayloadError):
    status = 502
    code = "payload-unreadable"
    message = "A stored value cannot be opened: it is missing, damaged, or its key is not here. Tell your operator."
