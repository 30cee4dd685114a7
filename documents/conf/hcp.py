"""A namespace of Hitachi Content Platform."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from documents.conf.sources import Source, needed, prefix_of
from documents.errors import ConfigurationError
from documents.storage.hcp_credentials import storage_options

FIELDS = frozenset(("admin_url", "tenant", "namespace", "user", "password", "prefix"))
_NEEDED = ("admin_url", "tenant", "namespace", "user", "password")
# HCP Tenant Management Help (MK-95HCPH002), "Bucket names" and names of tenants.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class HcpConfig:
    """One namespace of a tenant, and an account that may administer it."""

    admin_url: str
    tenant: str
    namespace: str
    user: str
    password: str = field(repr=False)
    prefix: str = ""

    backend = "storages.backends.s3.S3Storage"

    @property
    def endpoint_url(self) -> str:
        """Where the tenant's S3 compatible API answers: the host of ``admin_url``, its first label the tenant's."""
        parts = urlsplit(self.admin_url)
        _, _, domain = (parts.hostname or "").partition(".")
        return f"{parts.scheme}://{self.tenant}.{domain}"

    def storage_options(self) -> dict[str, str | None]:
        """Return the OPTIONS of the django-storages alias."""
        made = storage_options(
            endpoint_url=self.endpoint_url, namespace=self.namespace, user=self.user, password=self.password
        )
        return made | {"location": self.prefix}


def hcp_from(source: Source) -> HcpConfig:
    """Raises ConfigurationError naming the first field that is missing or malformed."""
    reason = f"HCP needs {', '.join(source.called(field) for field in _NEEDED)}; set all of them, or none."
    found = {field: needed(source, field, reason) for field in _NEEDED}
    admin_url = _admin_url(source.called("admin_url"), found["admin_url"])
    for name in ("tenant", "namespace"):
        if not _NAME.fullmatch(found[name]):
            raise ConfigurationError(
                f"{source.called(name)} is {found[name]!r}. Set it to 1 to 63 letters, digits and dashes, with no dash "
                "at an end."
            )
    return HcpConfig(
        admin_url, found["tenant"], found["namespace"], found["user"], found["password"], prefix_of(source)
    )


def is_mentioned(source: Source) -> bool:
    """Whether any of it is set, so that what is missing can be asked for."""
    return any(source.text(field) for field in _NEEDED)


def _admin_url(called: str, url: str) -> str:
    """Return the address without its path. It may hold no credentials, so it can be shown in an error and in a log."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{called} is no address. Write it as https://tenant.hcp-domain:9090.") from error
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/") not in ("", "mapi"):
        raise ConfigurationError(
            f"{called} holds more than scheme, host and port. Write it as https://tenant.hcp-domain:9090."
        )
    # What is sent in every request is as good as the password.
    is_private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_private or not parts.hostname:
        raise ConfigurationError(f"{called} is {url!r}. Write it as https://tenant.hcp-domain:9090.")
    return f"{parts.scheme}://{parts.netloc}"
