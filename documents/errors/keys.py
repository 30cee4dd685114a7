"""Errors of the life of KEKs: what an operator asked for cannot be done."""

from collections.abc import Mapping

from documents.errors.base import VaultError


class KekRefused(VaultError):
    """The message says why, and what to do."""

    status = 409
    code = "kek-refused"


class KekInUse(KekRefused):
    """``counts`` are the objects that are wrapped for it, by what they are."""

    code = "kek-in-use"

    def __init__(self, kek_id: str, counts: Mapping[str, int]) -> None:
        self.counts = dict(counts)
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        super().__init__(
            f"KEK {kek_id[:16]} is still needed: {told}. Nothing was changed. rotate_keys rewraps what has no command "
            "named beside it."
        )
