"""The credentials of HCP's management API: they go to HCP alone, and stand in no log."""

import logging
import ssl
import subprocess
from pathlib import Path

import pytest

from documents.errors import StorageUnavailable
from documents.storage.hcp_settings import HcpProtocol
from tests.storage.fake_hcp import PASSWORD, fake_hcp
from tests.storage.fake_hcp_clients import management_of
from tests.storage.fake_hcp_messages import Answer


def test_a_certificate_of_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with fake_hcp(context) as hcp:
        with pytest.raises(StorageUnavailable, match="TLS with HCP failed"):
            management_of(hcp.url).read(HcpProtocol.HTTP)
        assert hcp.seen == [], "the credentials did not leave"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = management_of(hcp.url)
        assert trusting.read(HcpProtocol.NFS).protocol is HcpProtocol.NFS
        trusting.close()


def test_the_credentials_stand_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with fake_hcp() as hcp:
        management = management_of(hcp.url)
        management.read(HcpProtocol.HTTP)
        authorization = hcp.seen[-1].headers["authorization"].removeprefix("HCP ")
        hcp.answer_with = lambda _request: Answer(500)
        with pytest.raises(StorageUnavailable) as caught:
            management.read(HcpProtocol.HTTP)
        management.close()
    told = caplog.text + str(caught.value)
    assert "GET" in caplog.text, "urllib3 logs each request at this level"
    for secret in (PASSWORD, authorization, authorization.partition(":")[2]):
        assert secret not in told
