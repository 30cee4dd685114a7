"""The key service that is configured, made once per process, and the openers that ask it.

A child that was forked makes its own: of a connection that two processes write to, each might read the other's answer.
"""

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from documents.conf.key_service import AwsKms, KeyServiceConfig
from documents.encryption.keyring import DekOpener, Kek
from documents.keyservice.client import UnwrapClient
from documents.keyservice.held import Held
from documents.keyservice.pausing import Pausing
from documents.keyservice.protocol import KeyService


@dataclass(frozen=True, slots=True)
class _Attached:
    service: KeyService
    held: Held


_MADE: dict[tuple[KeyServiceConfig, int], _Attached] = {}


@dataclass(frozen=True, slots=True)
class RemoteOpener:
    """Unwraps for one KEK by asking the key service: a ``DekOpener`` without a private key."""

    config: KeyServiceConfig
    kek_id: bytes

    def open_dek(self, wrapped: bytes, context: bytes) -> bytes:
        """As ``KeyService.open_dek``."""
        return key_service(self.config).open_dek(self.kek_id, wrapped, context)


def key_service(config: KeyServiceConfig) -> KeyService:
    """Return this process's key service; the connections it keeps outlive a reload of the key ring."""
    return _attached(config).service


def held_elsewhere(config: KeyServiceConfig, occasion: Hashable) -> frozenset[bytes] | None:
    """Return the ids of the KEKs that the key service opens, None where it never answered yet (``Held``)."""
    return _attached(config).held.kek_ids(occasion)


def openers_elsewhere(config: KeyServiceConfig, held: frozenset[bytes] | None) -> Callable[[Kek], DekOpener | None]:
    """Return what gives a KEK its opener, if the key service holds it.

    While nobody knows what it holds, it is taken to hold whatever it can: then opening says that it does not answer,
    and not that a key is missing.
    """
    types = key_service(config).stanza_types

    def opener_of(kek: Kek) -> DekOpener | None:
        known = kek.stanza_type in types if held is None else kek.kek_id in held
        return RemoteOpener(config, kek.kek_id) if known else None

    return opener_of


def reset() -> None:
    """Close and forget every key service. For tests."""
    for made in _MADE.values():
        made.service.close()
    _MADE.clear()


def _attached(config: KeyServiceConfig) -> _Attached:
    place = (config, os.getpid())
    if (made := _MADE.get(place)) is None:
        service = _service(config)
        # Of two threads at once one's is kept; nothing is connected before it is asked.
        made = _MADE.setdefault(place, _Attached(service, Held(service)))
    return made


def _service(config: KeyServiceConfig) -> KeyService:
    if isinstance(config, AwsKms):
        from documents.keyservice.aws_kms import AwsKmsService  # noqa: PLC0415  # boto3 takes seconds to import

        return Pausing(AwsKmsService(config), timeout=config.timeout)
    return Pausing(UnwrapClient(config.address, timeout=config.timeout), timeout=config.timeout)
