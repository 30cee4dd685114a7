"""``manage.py check``: what an operator should know before the first request."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from documents.errors import ConfigurationError, EncryptionError, StorageError, WrongPassphrase
from documents.key_rings import key_ring
from documents.keysources import RECOVERY
from documents.wiring import storage_provider, vault_config


@register(Tags.security)
def check_keys(**_kwargs: Any) -> list[CheckMessage]:
    """The key ring loads, can do what this process is for, and the recovery private key is not here."""
    try:
        ring = key_ring()
    except (ConfigurationError, EncryptionError) as error:
        hint = "Set VAULT_KEK_PASSPHRASE to the passphrase of the keys." if isinstance(error, WrongPassphrase) else None
        return [Error(f"The key ring cannot be loaded. {error}", hint=hint, id="documents.E001")]
    if any(kek.opener for kek in ring.recovery):
        hint = f"Replace it by its public half ({RECOVERY}) and keep the private one offline."
        return [Error("The recovery private key is on this server.", hint=hint, id="documents.E002")]
    return []


@register(Tags.files)
def check_storage(**_kwargs: Any) -> list[CheckMessage]:
    """The provider for new uploads is configured. It is not asked over the network: `/readyz` does that."""
    try:
        storage_provider()
    except (ConfigurationError, StorageError) as error:
        hint = "Check STORAGE_TYPE and the variables of that store; the vault's user must be able to write to it."
        return [Error(f"New documents cannot be stored. {error}", hint=hint, id="documents.E003")]
    return []


@register(Tags.security)
def check_limits(**_kwargs: Any) -> list[CheckMessage]:
    """Nothing spools plaintext, and leases outlive the longest silence that is normal."""
    found: list[CheckMessage] = []
    if any("Temporary" in name or "Memory" in name for name in settings.FILE_UPLOAD_HANDLERS):
        hint = "Leave FILE_UPLOAD_HANDLERS to the vault."
        found.append(Error("An upload handler is installed that spools plaintext.", hint=hint, id="documents.E004"))
    if vault_config().upload_lease.total_seconds() < 60:
        hint = "Set VAULT_UPLOAD_LEASE to 900."
        found.append(
            checks.Warning("The upload lease is under a minute; slow uploads are lost.", hint=hint, id="documents.W001")
        )
    return found


@register(Tags.security, deploy=True)
def check_sharing(**_kwargs: Any) -> list[CheckMessage]:
    """What one process can do with memory and files, several cannot."""
    found: list[CheckMessage] = []
    if "locmem" in settings.CACHES["default"]["BACKEND"].lower() and settings.DATABASES["default"]["ENGINE"].endswith(
        "postgresql"
    ):
        hint = "Set CACHE_URL to a Valkey or Redis server."
        found.append(
            checks.Warning("Sign-in limits are counted by each process for itself.", hint=hint, id="documents.W002")
        )
    return found
