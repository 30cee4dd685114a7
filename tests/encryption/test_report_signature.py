"""The signature on a report: by an origin key, on these bytes, and on nothing else that the key signs."""

from dataclasses import replace

import pytest

from documents.encryption.origin import OriginKeys, origin_message
from documents.encryption.report_signature import LABEL, ReportSignature, has_signed_report, origin_key_id, sign_report
from tests.encryption.keys import ORIGIN_KEYS

BODY = b'{"schema_version":1}'
PLAIN = OriginKeys()
SIGNING = OriginKeys(ORIGIN_KEYS["origin"], [ORIGIN_KEYS["origin"].public_key()])
READING = OriginKeys(public=[ORIGIN_KEYS["origin"].public_key()])
OTHER = OriginKeys(public=[ORIGIN_KEYS["other-origin"].public_key()])


@pytest.fixture
def signature() -> ReportSignature:
    made = sign_report(SIGNING, BODY)
    assert made is not None
    return made


def test_who_has_the_public_key_accepts_what_the_private_one_signed(signature: ReportSignature) -> None:
    assert has_signed_report(SIGNING, signature, BODY)
    assert has_signed_report(READING, signature, BODY)
    assert len(signature.value) == 64
    assert signature.key == origin_key_id(ORIGIN_KEYS["origin"].public_key())


def test_without_the_private_key_nothing_is_signed() -> None:
    assert sign_report(READING, BODY) is None
    assert sign_report(PLAIN, BODY) is None


def test_another_key_or_none_accepts_nothing(signature: ReportSignature) -> None:
    assert not has_signed_report(OTHER, signature, BODY)
    assert not has_signed_report(PLAIN, signature, BODY)
    # Not even under the other key's name.
    renamed = replace(signature, key=origin_key_id(ORIGIN_KEYS["other-origin"].public_key()))
    assert not has_signed_report(OTHER, renamed, BODY)


def test_every_changed_bit_of_signature_and_report_is_refused(signature: ReportSignature) -> None:
    for place in range(len(signature.value) * 8):
        value = bytearray(signature.value)
        value[place // 8] ^= 1 << place % 8
        assert not has_signed_report(READING, replace(signature, value=bytes(value)), BODY)
    for place in range(len(BODY) * 8):
        body = bytearray(BODY)
        body[place // 8] ^= 1 << place % 8
        assert not has_signed_report(READING, signature, bytes(body))
    assert not has_signed_report(READING, replace(signature, value=b""), BODY)


def test_what_is_signed_for_envelopes_is_no_report() -> None:
    """A report is not to be made out of an origin signature, whatever context an envelope has."""
    key = ORIGIN_KEYS["origin"]
    of_envelope = ReportSignature(origin_key_id(key.public_key()), key.sign(origin_message(BODY)))

    assert not has_signed_report(READING, of_envelope, BODY)
    assert not has_signed_report(READING, of_envelope, origin_message(BODY))
    assert not LABEL.startswith(origin_message(BODY)[:1])
