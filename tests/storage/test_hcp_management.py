"""The namespace protocols of HCP over HTTP: typed, checked before they are sent, and every fault an error of ours."""

import json
from collections.abc import Iterator

import pytest

from documents.errors import (
    BucketNotFound,
    StorageAccessDenied,
    StorageError,
    StorageUnavailable,
    UnsupportedOperation,
)
from documents.storage.hcp_addresses import IpSettings
from documents.storage.hcp_documents import changes_between, document_of
from documents.storage.hcp_management import HcpManagement
from documents.storage.hcp_settings import (
    CaseForcing,
    CifsSettings,
    EmailFormat,
    HcpProtocol,
    HttpSettings,
    NfsSettings,
    ProtocolSettings,
    SmtpSettings,
)
from tests.storage.fake_hcp import NAMESPACE, TENANT, FakeHcp, fake_hcp
from tests.storage.fake_hcp_clients import IMPATIENT, PATIENT, management_of
from tests.storage.fake_hcp_messages import Answer

EVERYWHERE = IpSettings(allow_addresses=("0.0.0.0/0",), deny_addresses=())
PROTOCOLS = f"/mapi/tenants/{TENANT}/namespaces/{NAMESPACE}/protocols"


@pytest.fixture(scope="module")
def running_hcp() -> Iterator[FakeHcp]:
    with fake_hcp() as hcp:
        yield hcp


@pytest.fixture
def hcp(running_hcp: FakeHcp) -> FakeHcp:
    running_hcp.reset()
    return running_hcp


@pytest.fixture
def management(hcp: FakeHcp) -> Iterator[HcpManagement]:
    management = management_of(hcp.url)
    yield management
    management.close()


def test_the_settings_of_each_protocol_are_read(management: HcpManagement, hcp: FakeHcp) -> None:
    http = management.read(HcpProtocol.HTTP)
    assert isinstance(http, HttpSettings)
    assert (http.https_enabled, http.http_enabled, http.hs3_enabled) == (True, False, False)
    assert http.ip_settings == IpSettings(("0.0.0.0/0",), (), allow_if_in_both_lists=True)
    assert management.read(HcpProtocol.NFS) == NfsSettings(
        enabled=False, uid=0, gid=0, ip_settings=IpSettings(allow_addresses=("0.0.0.0/0",))
    )
    assert management.read(HcpProtocol.CIFS) == CifsSettings(
        enabled=False,
        requires_authentication=True,
        case_sensitive=True,
        case_forcing=CaseForcing.DISABLED,
        ip_settings=EVERYWHERE,
    )
    assert management.read(HcpProtocol.SMTP) == SmtpSettings(
        enabled=False,
        email_format=EmailFormat.EML,
        email_location="/email/",
        separate_attachments=False,
        ip_settings=EVERYWHERE,
    )
    assert [(request.method, request.path) for request in hcp.seen] == [
        ("GET", f"{PROTOCOLS}/{protocol}") for protocol in ("http", "nfs", "cifs", "smtp")
    ]
    assert hcp.seen[0].headers["authorization"] == "HCP bGdyZWVu:57e22b245c35086e732a20d64d239d6f"
    assert hcp.seen[0].headers["accept"] == "application/json"


def test_a_change_is_a_post_of_what_changes_and_leaves_the_rest(management: HcpManagement, hcp: FakeHcp) -> None:
    before = management.read(HcpProtocol.HTTP)
    management.update(HttpSettings(hs3_enabled=True, ip_settings=IpSettings(deny_addresses=("192.0.2.0/24",))))
    assert hcp.seen[-1].method == "POST"
    assert json.loads(hcp.seen[-1].body) == {
        "hs3Enabled": True,
        "ipSettings": {"denyAddresses": {"ipAddress": ["192.0.2.0/24"]}},
    }
    after = management.read(HcpProtocol.HTTP)
    assert [(change.name, change.before, change.after) for change in changes_between(before, after)] == [
        ("hs3Enabled", False, True),
        ("denyAddresses", (), ("192.0.2.0/24",)),
    ]


def test_a_list_of_addresses_replaces_the_whole_list(management: HcpManagement) -> None:
    for entries in (("192.0.2.7", "198.51.100.0/24"), ("203.0.113.1",), ()):
        management.update(CifsSettings(ip_settings=IpSettings(allow_addresses=entries)))
        found = management.read(HcpProtocol.CIFS).ip_settings
        assert found == IpSettings(allow_addresses=entries, deny_addresses=())


EVERY_PROPERTY = (
    HttpSettings(
        http_enabled=True,
        https_enabled=False,
        rest_enabled=False,
        rest_requires_authentication=False,
        hs3_enabled=True,
        hs3_requires_authentication=False,
        hswift_enabled=True,
        hswift_requires_authentication=False,
        http_active_directory_sso_enabled=False,
        webdav_enabled=True,
        webdav_custom_metadata=True,
        webdav_basic_auth_enabled=True,
        webdav_basic_auth_username="dav",
        ip_settings=IpSettings(("192.0.2.1",), ("192.0.2.2",), allow_if_in_both_lists=False),
    ),
    NfsSettings(enabled=True, uid=1000, gid=100, ip_settings=IpSettings(allow_addresses=("192.0.2.1",))),
    CifsSettings(
        enabled=True,
        requires_authentication=False,
        case_sensitive=False,
        case_forcing=CaseForcing.LOWER,
        ip_settings=IpSettings(("192.0.2.1",), ("192.0.2.2",)),
    ),
    SmtpSettings(
        enabled=True,
        email_format=EmailFormat.MBOX,
        email_location="/finance/email/",
        separate_attachments=True,
        ip_settings=IpSettings(("192.0.2.1",), ("192.0.2.2",)),
    ),
)


@pytest.mark.parametrize("change", EVERY_PROPERTY, ids=lambda change: change.protocol.value)
def test_every_property_can_be_changed_and_read_back(management: HcpManagement, change: ProtocolSettings) -> None:
    management.update(change)
    assert management.read(change.protocol) == change


def test_a_secret_is_written_and_never_read(management: HcpManagement, hcp: FakeHcp) -> None:
    change = HttpSettings(webdav_basic_auth_password="dav-canary")
    management.update(change)
    assert hcp.management.settings["http"]["webdavBasicAuthPassword"] == "dav-canary"
    read = management.read(HcpProtocol.HTTP)
    assert isinstance(read, HttpSettings)
    assert read.webdav_basic_auth_password is None
    assert "dav-canary" not in repr(change)
    [told] = changes_between(read, change)
    assert (told.name, told.before, told.after, told.is_secret) == ("webdavBasicAuthPassword", None, None, True)


def test_s3_without_acls_is_told_as_what_it_is(management: HcpManagement, hcp: FakeHcp) -> None:
    hcp.management.has_acls = False
    with pytest.raises(UnsupportedOperation, match="only where the namespace has ACLs"):
        management.update(HttpSettings(hs3_enabled=True))
    assert hcp.management.settings["http"]["hs3Enabled"] is False
    management.update(HttpSettings(hs3_enabled=False))


def test_another_refusal_is_told_in_hcps_words(management: HcpManagement, hcp: FakeHcp) -> None:
    hcp.answer_with = lambda _request: Answer(400, headers={"X-HCP-ErrorMessage": "The tenant has no AD."})
    with pytest.raises(StorageError, match=r"400: The tenant has no AD\.") as caught:
        management.update(HttpSettings(http_active_directory_sso_enabled=True))
    assert not caught.value.retryable


def test_bad_credentials_are_403_and_told_with_what_to_check(hcp: FakeHcp) -> None:
    stranger = management_of(hcp.url, password="wrong")
    for call in (lambda: stranger.read(HcpProtocol.HTTP), lambda: stranger.update(NfsSettings(enabled=True))):
        with pytest.raises(StorageAccessDenied, match="HCP_USER and HCP_PASSWORD"):
            call()
    stranger.close()
    assert hcp.management.settings["nfs"]["enabled"] is False


@pytest.mark.parametrize(("tenant", "namespace"), [("asia", NAMESPACE), (TENANT, "legal")])
def test_a_tenant_or_namespace_that_is_not_there_is_told(hcp: FakeHcp, tenant: str, namespace: str) -> None:
    management = management_of(hcp.url, tenant=tenant, namespace=namespace)
    with pytest.raises(BucketNotFound, match="HCP_TENANT and HCP_NAMESPACE"):
        management.read(HcpProtocol.HTTP)
    management.close()


@pytest.mark.parametrize("ending", ["", "/", "/mapi", "/mapi/"])
def test_the_address_may_name_the_api_or_not(hcp: FakeHcp, ending: str) -> None:
    management = management_of(hcp.url + ending)
    assert management.read(HcpProtocol.NFS).protocol is HcpProtocol.NFS
    management.close()


FAULTS: dict[str, tuple[Answer, type[StorageError]]] = {
    "401": (Answer(401), StorageUnavailable),
    "403": (Answer(403, headers={"X-HCP-ErrorMessage": "No."}), StorageAccessDenied),
    "404": (Answer(404), BucketNotFound),
    "405": (Answer(405), UnsupportedOperation),
    "415": (Answer(415), StorageError),
    "500": (Answer(500), StorageUnavailable),
    "503": (Answer(503, b"busy"), StorageUnavailable),
    "a redirect": (Answer(302, headers={"Location": "http://127.0.0.1:1/steal"}), StorageUnavailable),
    "silence": (Answer(is_silent=True), StorageUnavailable),
    "a lost answer": (Answer(is_lost=True), StorageUnavailable),
    "an answer cut short": (Answer(200, b'{"httpEnabled": true}', cut_at=5), StorageUnavailable),
    "an endless answer": (Answer(200, b" " * (1024 * 1024 + 1)), StorageUnavailable),
}
GARBAGE = (
    *(b"", b"<html>", b"[]", b"null", b"7", b'{"httpEnabled": "yes"}', b'{"ipSettings": []}'),
    *(b"\xff\xfe", b"[" * 100_000),
    *(b'{"ipSettings": {"allowAddresses": ["1.2.3.4"]}}', b'{"ipSettings": {"allowAddresses": {"ipAddress": [1]}}}'),
    b'{"ipSettings": {"allowAddresses": {"ipAddress": ["a\\u001b[31m"]}}}',
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_an_error_of_the_vault(hcp: FakeHcp, fault: str) -> None:
    answer, expected = FAULTS[fault]
    management = management_of(hcp.url, patience=IMPATIENT if answer.is_silent else PATIENT)
    hcp.answer_with = lambda _request: answer
    for call in (
        lambda: management.read(HcpProtocol.HTTP),
        lambda: management.update(HttpSettings(rest_enabled=True)),
    ):
        hcp.seen.clear()
        with pytest.raises(expected) as caught:
            call()
        assert caught.value.provider == "hcp"
        assert caught.value.retryable is (expected is StorageUnavailable)
        assert len(hcp.seen) == 1, "nothing is repeated, and no redirect followed"
    management.close()


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: ascii(body[:30]))
def test_garbage_is_no_settings(management: HcpManagement, hcp: FakeHcp, body: bytes) -> None:
    hcp.answer_with = lambda _request: Answer(200, body)
    with pytest.raises(StorageUnavailable):
        management.read(HcpProtocol.HTTP)


def test_what_later_releases_add_or_drop_does_no_harm(management: HcpManagement, hcp: FakeHcp) -> None:
    hcp.answer_with = lambda _request: Answer(
        200, b'{"httpsEnabled": true, "quicEnabled": true, "ipSettings": {"x": 1}}'
    )
    read = management.read(HcpProtocol.HTTP)
    assert read == HttpSettings(https_enabled=True)
    assert document_of(read) == {"httpsEnabled": True}


def test_nobody_listening_is_unavailable() -> None:
    with fake_hcp() as gone:
        url = gone.url
    with pytest.raises(StorageUnavailable, match="HCP_ADMIN_URL"):
        management_of(url).read(HcpProtocol.HTTP)
