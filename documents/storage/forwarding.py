"""What every decorator around a provider stands on: one hook that each call passes, whatever the capability.

``wrap`` makes a provider out of a decorator class and the provider inside. The result has the capabilities of the inner
one and no others, so ``isinstance`` and ``require`` answer as they would without the decorator. What the decorator
class defines itself stands; everything else is forwarded through its ``_call``.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

from documents.storage.base import StorageProvider
from documents.storage.bucket_capabilities import Acls, Buckets, Versioning
from documents.storage.capabilities import (
    BulkDelete,
    CompareAndSet,
    ConditionalCreate,
    Copying,
    FreeSpace,
    Multipart,
    OrderedListing,
    Presigning,
    UnfinishedWrites,
)

Answer = TypeVar("Answer")

CAPABILITIES: tuple[type, ...] = (
    *(ConditionalCreate, CompareAndSet, Copying, BulkDelete, OrderedListing, Presigning, Multipart),
    *(UnfinishedWrites, FreeSpace, Versioning, Acls, Buckets),
)


class Decorator:
    """``inner`` is the provider inside; its own decorators too are reached that way."""

    def __init__(self, inner: StorageProvider) -> None:
        self.inner = inner

    def _call(self, operation: str, key: str, call: Callable[[], Answer]) -> Answer:  # noqa: ARG002  # for overriding
        """Make a call of the inner provider. ``key`` is the object key or prefix it is about, or ""."""
        return call()


def wrap(inner: StorageProvider, decorator: Callable[..., Decorator], **options: Any) -> StorageProvider:
    """Return ``inner`` inside ``decorator``, a class of this module's kind; ``options`` go to its constructor."""
    protocols = (StorageProvider, *(capability for capability in CAPABILITIES if isinstance(inner, capability)))
    made = _class_of(cast("Any", decorator), protocols)
    return cast("StorageProvider", made(inner, **options))


def undecorated(provider: StorageProvider) -> StorageProvider:
    """Return the provider inside all decorators; a failover is a provider of its own."""
    while isinstance(provider, Decorator):
        provider = provider.inner
    return provider


@lru_cache(maxsize=256)
def _class_of(decorator: type[Decorator], protocols: tuple[type, ...]) -> type[Decorator]:
    members = {name: member for protocol in protocols for name, member in vars(protocol).items() if name[0] != "_"}
    forwarded = {
        name: _property(name) if isinstance(member, property) else _method(name)
        for name, member in members.items()
        if not hasattr(decorator, name)
    }
    return type(decorator.__name__, (decorator,), forwarded)


def _property(name: str) -> property:
    return property(lambda self: getattr(self.inner, name))


def _method(operation: str) -> Callable[..., Any]:
    def forward(self: Decorator, *arguments: Any, **options: Any) -> Any:
        key = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        return self._call(operation, key, lambda: getattr(self.inner, operation)(*arguments, **options))

    forward.__name__ = operation
    return forward
