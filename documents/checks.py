"""``manage.py check``: what an operator should know before the first request."""

import os
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

from documents.conf.addresses import TlsAddress
from documents.conf.key_service import AwsKms, KeyServiceConfig
from documents.conf.secret_files import holds_private_key
from documents.conf.tls_files import refuse_open_key
from documents.errors import ConfigurationError, EncryptionError, StorageError, WrongPassphrase
from documents.key_rings import key_ring
from documents.keyservice.attached import key_service
from documents.keysources import RECOVERY, private_kek_pems
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


@register(Tags.security)
def check_key_service(**_kwargs: Any) -> list[CheckMessage]:
    """What the key service needs is here, and what it is for: no private key in this process. `/readyz` asks it."""
    service = vault_config().keys.service
    if service is None:
        return []
    found: list[CheckMessage] = [
        Error(what, hint="See docs/key-services.md.", id="documents.E005") for what in _in_the_way_of(service)
    ]
    found += [
        checks.Warning(f"A key service is configured, and {what}", hint=hint, id="documents.W003")
        for what, hint in _private_keys_here()
    ]
    try:
        ring = key_ring()
    except (ConfigurationError, EncryptionError):
        return found  # check_keys tells
    if ring.primary.stanza_type not in key_service(service).stanza_types:
        what = "The key service cannot open for the primary KEK: it is hybrid, and AWS KMS holds RSA keys alone."
        found.append(Error(what, hint="Use an unwrap service for it.", id="documents.E006"))
    return found


def _private_keys_here() -> list[tuple[str, str]]:
    """What this process could open with by itself, used or not: whoever takes it over reads its files."""
    config = vault_config()
    hint = "Put its public half in its place, once the key service has it."
    try:
        found = [(f"{where} holds the private half of a KEK.", hint) for where, _pem in private_kek_pems(config.keys)]
    except EncryptionError as error:
        found = [(f"what is here cannot be looked at. {error}", hint)]
    if holds_private_key(config.legacy.key_pem.encode()):
        what = "VAULT_LEGACY_KEY holds the private key of an older vault."
        found.append((what, "Adopt what it opens (manage.py adopt_documents --reseal), then take it away."))
    return found


def _in_the_way_of(service: KeyServiceConfig) -> list[str]:
    if isinstance(service, AwsKms) or not isinstance(service.address, TlsAddress):
        return []
    named = {
        "VAULT_KEY_SERVICE_CA": service.address.authority,
        "VAULT_KEY_SERVICE_CERTIFICATE": service.address.certificate,
        "VAULT_KEY_SERVICE_CERTIFICATE_KEY": service.address.key,
    }
    found = [f"{name}: {path} cannot be read." for name, path in named.items() if not os.access(path, os.R_OK)]
    try:
        refuse_open_key(service.address.key, name="VAULT_KEY_SERVICE_CERTIFICATE_KEY")
    except ConfigurationError as error:
        return found or [str(error)]
    return found


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
