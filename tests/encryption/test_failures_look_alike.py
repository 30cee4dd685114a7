"""Errors are no oracle: every way in which unwrapping fails looks the same from outside."""

import pytest

from documents.encryption import derivation, unwrapping
from documents.encryption.envelope import open_header
from documents.encryption.vectors import keyblock, prefix_core
from documents.encryption.vectors.case import Vector
from documents.encryption.wrapping import unwrap_dek
from documents.errors import UnwrapFailed
from tests.encryption.keys import KEKS, ring_holding

FAILURES = [
    vector for cases in (keyblock.cases, prefix_core.core_cases) for vector in cases() if vector.error == "UnwrapFailed"
]


def failure_of(vector: Vector) -> UnwrapFailed:
    with pytest.raises(UnwrapFailed) as caught:
        open_header(vector.object, ring_holding(*vector.keks), expected=None)
    return caught.value


def test_every_failed_unwrap_has_one_class_message_and_no_cause() -> None:
    failures = [failure_of(vector) for vector in FAILURES]
    assert len(failures) >= 20
    assert {type(failure) for failure in failures} == {UnwrapFailed}
    assert len({str(failure) for failure in failures}) == 1
    assert {(failure.status, failure.code, failure.for_people()) for failure in failures} == {
        (UnwrapFailed.status, UnwrapFailed.code, UnwrapFailed.public_message)
    }
    assert {(failure.__cause__, failure.__context__) for failure in failures} == {(None, None)}


def test_every_failed_unwrap_goes_the_whole_way_to_the_commitment(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    fits = derivation.fits_commitment

    def counted(dek: bytes, context: bytes) -> bool:
        checked.append(dek)
        return fits(dek, context)

    monkeypatch.setattr(unwrapping, "fits_commitment", counted)
    for vector in FAILURES:
        failure_of(vector)
    assert len(checked) == len(FAILURES)
    assert {len(dek) for dek in checked} == {32}


def test_a_wrong_padding_unwraps_to_something_else_each_time() -> None:
    private_key = KEKS["primary"].private_key
    assert private_key
    wrapped = bytes(384)
    assert len({unwrap_dek(private_key, wrapped) for _ in range(5)}) == 5
