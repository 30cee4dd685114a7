"""The namespace protocols of HCP and their settings, as its management API documents them.

Source: Hitachi Content Platform Tenant Management Help (MK-95HCPH002), "HCP management API reference", data types
httpProtocol, nfsProtocol, cifsProtocol and smtpProtocol. Every property of those is a field here, under its name with
underscores; ``PROPERTIES`` has HCP's own.

The same classes hold what HCP told and what is to change. None is a property that HCP did not tell (versions differ:
HSwift is gone since 9.7), and one that a change leaves as it is.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

from documents.storage.hcp_addresses import IpSettings


class HcpProtocol(StrEnum):
    """The last part of the address of a protocol's settings. HTTP is REST, S3, HSwift and WebDAV together."""

    HTTP = "http"
    NFS = "nfs"
    CIFS = "cifs"
    SMTP = "smtp"


class CaseForcing(StrEnum):
    """What CIFS does with the case of object names."""

    UPPER = "UPPER"
    LOWER = "LOWER"
    DISABLED = "DISABLED"


class EmailFormat(StrEnum):
    """As what SMTP stores a message."""

    EML = ".eml"
    MBOX = ".mbox"


@dataclass(frozen=True, slots=True)
class Property:
    """One setting: HCP's name for it, what its values are, and whether its value is for nobody's eyes."""

    name: str
    attribute: str
    kind: type
    is_secret: bool = False


def _setting(kind: type, name: str, *, is_secret: bool = False) -> Any:
    return field(default=None, repr=not is_secret, metadata={"name": name, "kind": kind, "is_secret": is_secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolSettings:
    """What the four have in common. ``denies`` and ``decides`` say whether ``ip_settings`` may have a list of denied
    addresses and ``allow_if_in_both_lists``."""

    protocol: ClassVar[HcpProtocol]
    denies: ClassVar[bool] = True
    decides: ClassVar[bool] = False
    ip_settings: IpSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings(ProtocolSettings):
    """REST, S3 (HCP calls it hs3), HSwift and WebDAV, and the two ports below them.

    ``hs3_enabled`` can be true only where the namespace has ACLs. ``httpActiveDirectorySSOEnabled`` can be true only
    while one of the ports is open. The password is written and never read.
    """

    protocol: ClassVar[HcpProtocol] = HcpProtocol.HTTP
    decides: ClassVar[bool] = True

    http_enabled: bool | None = _setting(bool, "httpEnabled")
    https_enabled: bool | None = _setting(bool, "httpsEnabled")
    rest_enabled: bool | None = _setting(bool, "restEnabled")
    rest_requires_authentication: bool | None = _setting(bool, "restRequiresAuthentication")
    hs3_enabled: bool | None = _setting(bool, "hs3Enabled")
    hs3_requires_authentication: bool | None = _setting(bool, "hs3RequiresAuthentication")
    hswift_enabled: bool | None = _setting(bool, "hswiftEnabled")
    hswift_requires_authentication: bool | None = _setting(bool, "hswiftRequiresAuthentication")
    http_active_directory_sso_enabled: bool | None = _setting(bool, "httpActiveDirectorySSOEnabled")
    webdav_enabled: bool | None = _setting(bool, "webdavEnabled")
    webdav_custom_metadata: bool | None = _setting(bool, "webdavCustomMetadata")
    webdav_basic_auth_enabled: bool | None = _setting(bool, "webdavBasicAuthEnabled")
    webdav_basic_auth_username: str | None = _setting(str, "webdavBasicAuthUsername")
    webdav_basic_auth_password: str | None = _setting(str, "webdavBasicAuthPassword", is_secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NfsSettings(ProtocolSettings):
    """``uid`` and ``gid`` are shown as the owner of objects that were not stored by NFS; 0 or more."""

    protocol: ClassVar[HcpProtocol] = HcpProtocol.NFS
    denies: ClassVar[bool] = False

    enabled: bool | None = _setting(bool, "enabled")
    uid: int | None = _setting(int, "uid")
    gid: int | None = _setting(int, "gid")


@dataclass(frozen=True, slots=True, kw_only=True)
class CifsSettings(ProtocolSettings):
    """``requires_authentication`` is by Active Directory, which the tenant must support."""

    protocol: ClassVar[HcpProtocol] = HcpProtocol.CIFS

    enabled: bool | None = _setting(bool, "enabled")
    requires_authentication: bool | None = _setting(bool, "requiresAuthentication")
    case_sensitive: bool | None = _setting(bool, "caseSensitive")
    case_forcing: CaseForcing | None = _setting(CaseForcing, "caseForcing")  # noqa: RUF009  # a field


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings(ProtocolSettings):
    """``email_location`` is a directory of the namespace, with a slash at both ends."""

    protocol: ClassVar[HcpProtocol] = HcpProtocol.SMTP

    enabled: bool | None = _setting(bool, "enabled")
    email_format: EmailFormat | None = _setting(EmailFormat, "emailFormat")  # noqa: RUF009  # a field
    email_location: str | None = _setting(str, "emailLocation")
    separate_attachments: bool | None = _setting(bool, "separateAttachments")


SETTINGS_OF: dict[HcpProtocol, type[ProtocolSettings]] = {
    kind.protocol: kind for kind in (HttpSettings, NfsSettings, CifsSettings, SmtpSettings)
}
PROPERTIES: dict[HcpProtocol, dict[str, Property]] = {
    protocol: {
        item.metadata["name"]: Property(
            item.metadata["name"], item.name, item.metadata["kind"], is_secret=item.metadata["is_secret"]
        )
        for item in fields(kind)
        if item.metadata
    }
    for protocol, kind in SETTINGS_OF.items()
}
