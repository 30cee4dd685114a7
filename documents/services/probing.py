"""Asking a store what it really does: each probe writes, reads and deletes objects of its own below ``check/``.

What a store's documentation promises and what it does are two things: some look-alikes of S3 take a conditional write
and ignore the condition. A probe that fails names what happened and what to do. The probes themselves stand in
``object_probes`` and ``url_probes``.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from documents.errors import StorageError
from documents.services import object_probes, url_probes
from documents.services.keys import CHECK_PREFIX
from documents.services.object_probes import Lacking, ProbeFailed
from documents.storage.base import StorageProvider

# Without these two nothing else can be tried.
FIRST = ("connection", "write, read, delete")
# How many objects a probe writes at the most.
_WRITTEN = 3


class Outcome(StrEnum):
    """MISSING: the store lacks it, and the vault does without."""

    OK = "ok"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe found.

    ``hint`` says what to do where it failed or is missing, ``retryable`` whether the same call may succeed later.
    """

    probe: str
    outcome: Outcome
    detail: str = ""
    hint: str = ""
    provider: str = ""
    retryable: bool = False


# Takes the prefix of the probe's own objects, and returns what it saw. Raises ProbeFailed, Lacking or StorageError.
Probe = Callable[[StorageProvider, str], str]


def probe_storage(
    provider: StorageProvider, *, thorough: bool = True, origins: Sequence[str] = ()
) -> Iterator[Finding]:
    """Yield a finding for each probe, as it ends. Where the store cannot be used at all that is the last one.

    ``thorough`` uploads some MiB in parts and waits for a signed URL to expire, about three seconds. ``origins`` are
    those of the vault's pages, from which browsers would talk to the store.
    """
    run = uuid.uuid4()
    for number, (name, probe) in enumerate(_probes(thorough=thorough, origins=origins)):
        # Keys of its own: an object that the store refuses is told by one probe alone.
        place = f"{CHECK_PREFIX}{run}/{number}"
        finding, reached = _found(provider, name, partial(probe, provider, place))
        unusable = name in FIRST and not reached
        # Before it is told: whoever reads no further leaves nothing behind.
        for written in range(0 if unusable else _WRITTEN):
            with suppress(StorageError):
                provider.delete(f"{place}/{written}")
        yield finding
        if unusable:
            return


def unreachable(error: StorageError) -> Finding:
    """Return the finding of a provider that could not even be built."""
    return _failed(error.provider, FIRST[0], error)


def _probes(*, thorough: bool, origins: Sequence[str]) -> list[tuple[str, Probe]]:
    probes: list[tuple[str, Probe]] = [
        ("connection", object_probes.connection),
        ("write, read, delete", object_probes.round_trip),
        ("conditional create", object_probes.conditional_create),
        ("range", object_probes.range_read),
        ("listing", object_probes.listing),
        ("clock", object_probes.clock),
        ("copy", object_probes.copy),
        ("versioning", object_probes.versioning),
    ]
    if thorough:
        probes.append(("multipart", object_probes.multipart))
        probes.append(("signed URL", url_probes.signed))
        probes.append(("CORS", partial(url_probes.cross_origin, origins=origins)))
    return probes


def _found(provider: StorageProvider, name: str, probe: Callable[[], str]) -> tuple[Finding, bool]:
    """Return the finding, and whether the store did answer to everything."""
    try:
        return Finding(name, Outcome.OK, probe(), provider=provider.name), True
    except Lacking as lack:
        return Finding(name, Outcome.MISSING, str(lack), lack.hint, provider.name), True
    except ProbeFailed as failure:
        return Finding(name, Outcome.FAILED, str(failure), failure.hint, provider.name), True
    except StorageError as error:
        return _failed(provider.name, name, error), False


def _failed(provider: str, name: str, error: StorageError) -> Finding:
    # The text of the error ends with its hint.
    detail = str(error).removesuffix(f". {error.hint}")
    return Finding(name, Outcome.FAILED, detail, error.hint or "Look at the store's log", provider, error.retryable)
