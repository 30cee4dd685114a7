"""Errors are no oracle: every way in which unwrapping fails looks the same from outside."""

import pytest

from documents.encryption import derivation, unwrapping
from documents.encryption import hybrid as hybrid_wrap
from documents.encryption.envelope import open_header
from documents.encryption.vectors import hybrid, keyblock, prefix_core
from documents.encryption.vectors.case import Vector
from documents.errors import UnwrapFailed
from tests.encryption.keys import KEKS, ring_holding

FAILURES = [
    vector
    for cases in (keyblock.cases, prefix_core.core_cases, hybrid.cases)
    for vector in cases()
    if vector.error == "UnwrapFailed"
]


def failure_of(vector: Vector) -> UnwrapFailed:
    with pytest.raises(UnwrapFailed) as caught:
        open_header(vector.object, ring_holding(*vector.keks), expected=None)
    return caught.value


def test_every_failed_unwrap_has_one_class_message_and_no_cause() -> None:
    failures = [failure_of(vector) for vector in FAILURES]
    assert len(failures) >= 50
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


@pytest.mark.parametrize(("kek", "size"), [("primary", 384), ("hybrid-primary", 1_520)])
def test_what_does_not_unwrap_is_something_else_each_time(kek: str, size: int) -> None:
    opener = KEKS[kek].opener
    assert opener
    wrapped = [bytes(size), b"", bytes(48), bytes(1_136), bytes(size - 1), bytes(4_096)]
    deks = [opener.open_dek(each, bytes(144)) for each in wrapped * 2]
    assert {len(dek) for dek in deks} == {32}
    assert len(set(deks)) == len(deks)


def test_a_hybrid_unwrap_takes_every_step_whatever_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def counted(name: str) -> None:
        step = getattr(hybrid_wrap, name)

        def run(*arguments: object) -> bytes | None:
            steps.append(name)
            result: bytes | None = step(*arguments)
            return result

        monkeypatch.setattr(hybrid_wrap, name, run)

    for name in ("decrypt_secret", "decapsulate", "_opened"):
        counted(name)
    failures = [vector for vector in FAILURES if vector.name.startswith("hybrid-")]
    for vector in failures:
        failure_of(vector)
        assert steps == ["decrypt_secret", "decapsulate", "_opened"], vector.name
        steps.clear()
    assert len(failures) >= 30
