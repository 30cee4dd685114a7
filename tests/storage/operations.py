"""Which operations a provider has, and which of them were called: so that no test of faults forgets one."""

import functools
from typing import Any

import pytest

from documents.storage.base import StorageProvider
from documents.storage.forwarding import CAPABILITIES
from documents.storage.overview import has_capability


def operations_of(provider: type) -> set[str]:
    """The methods of ``StorageProvider`` and of every capability that this class has."""
    claimed = [StorageProvider, *(capability for capability in CAPABILITIES if has_capability(provider, capability))]
    return {
        name
        for protocol in claimed
        for name, member in vars(protocol).items()
        if not name.startswith("_") and not isinstance(member, property)
    }


def recorded(provider: type, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A set that fills with the names of the operations of this class as they are called, by tests or by others."""
    called: set[str] = set()

    def recording(name: str, operation: Any) -> Any:
        @functools.wraps(operation)
        def call(*arguments: Any, **options: Any) -> Any:
            called.add(name)
            return operation(*arguments, **options)

        return call

    for name in operations_of(provider):
        monkeypatch.setattr(provider, name, recording(name, getattr(provider, name)))
    return called
