"""What may stand in the settings of HCP's protocols, and what is refused before anything is sent."""

import pytest

from documents.errors import StorageError, UnsupportedOperation
from documents.storage.hcp_addresses import checked_entries
from documents.storage.hcp_documents import names_of, settings_of
from documents.storage.hcp_settings import HcpProtocol


@pytest.mark.parametrize(
    "entry",
    [
        *("192.0.2.7", "192.0.2.0/24", "192.168.100.197/255.255.255.0", "0.0.0.0/0", "192.0.2.1,192.0.2.2"),
        *("192.0.2.1, 198.51.100.0/24", "2001:db8::1", "2001:db8::/32", "::0/0"),
    ],
)
def test_an_entry_is_an_address_a_range_or_several(entry: str) -> None:
    assert checked_entries([f" {entry} "]) == (entry.replace(" ", ""),)


@pytest.mark.parametrize(
    "entry",
    [
        *("", " ", "example.com", "192.0.2", "192.0.2.256", "192.0.2.1/33", "192.0.2.1/255.0.255.0", "192.0.2.1-9"),
        *("192.0.2.0/0.0.0.255", "192.0.2.1;192.0.2.2", "192.0.2.1,", ",", "192.0.2.1,,192.0.2.2", "fe80::1%eth0"),
        *("192.0.2.1\n", "*", "3232235777", "192.0.2.1/", "010.0.0.1", "2001:db8::/129"),
    ],
    ids=ascii,
)
def test_whatever_else_is_no_entry(entry: str) -> None:
    if entry == "192.0.2.1\n":
        assert checked_entries([entry]) == ("192.0.2.1",), "the space around it is not part of it"
        return
    with pytest.raises(StorageError, match="is no IP address"):
        checked_entries(["192.0.2.1", entry])


@pytest.mark.parametrize("protocol", [HcpProtocol.NFS, HcpProtocol.CIFS, HcpProtocol.SMTP])
def test_a_decision_for_both_lists_is_for_http_alone(protocol: HcpProtocol) -> None:
    with pytest.raises(UnsupportedOperation, match=f"allowIfInBothLists is not valid for {protocol.value}"):
        settings_of(protocol, {"allowIfInBothLists": True})
    assert "allowIfInBothLists" not in names_of(protocol)


def test_nfs_denies_nobody_by_address() -> None:
    with pytest.raises(UnsupportedOperation, match="denyAddresses is not valid for nfs"):
        settings_of(HcpProtocol.NFS, {"denyAddresses": ("192.0.2.1",)})


@pytest.mark.parametrize(
    ("protocol", "name", "value"),
    [
        (HcpProtocol.HTTP, "enabled", True),
        (HcpProtocol.NFS, "hs3Enabled", True),
        (HcpProtocol.HTTP, "hs3Enabled", "true"),
        (HcpProtocol.HTTP, "hs3Enabled", 1),
        (HcpProtocol.NFS, "uid", -1),
        (HcpProtocol.NFS, "uid", True),
        (HcpProtocol.CIFS, "caseForcing", "upper"),
        (HcpProtocol.SMTP, "emailFormat", "eml"),
        (HcpProtocol.SMTP, "emailLocation", "email"),
        (HcpProtocol.SMTP, "emailLocation", "/email/\r\nX: y/"),
        (HcpProtocol.HTTP, "allowAddresses", "192.0.2.1"),
        (HcpProtocol.HTTP, "allowIfInBothLists", "yes"),
    ],
)
def test_a_setting_that_the_documentation_does_not_have_is_refused(
    protocol: HcpProtocol, name: str, value: bool | int | str
) -> None:
    with pytest.raises(StorageError, match=name):
        settings_of(protocol, {name: value})
