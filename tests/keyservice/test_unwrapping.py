"""What the unwrap service gives out, and what it does not: over its socket, from a process of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from documents.encryption.derivation import fits_commitment
from documents.encryption.keyring import KeyRing
from documents.errors import KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice import wire
from documents.keyservice.limits import RateLimits
from documents.keyservice.wire import Frame, OpenRequest, open_frame
from tests.encryption.keys import HYBRID_RING, KEKS, RING
from tests.keyring import write_keys
from tests.keyservice.envelopes import request_for
from tests.keyservice.serving import Service, unwrap_service

PRIMARY = RING.primary.kek_id


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests here that leave it as it was. It holds an RSA KEK and a hybrid one."""
    directory = tmp_path_factory.mktemp("service")
    write_keys(directory / "keys", older="hybrid-primary")
    with unwrap_service(directory, VAULT_UNWRAP_BURST="100000") as found:
        yield found


@pytest.mark.parametrize("ring", [RING, HYBRID_RING], ids=["rsa", "hybrid"])
def test_a_dek_is_given_where_it_fits_the_context(shared: Service, ring: KeyRing) -> None:
    request = request_for(ring=ring)

    dek = shared.client().open_dek(request.kek_id, request.wrapped, request.context)

    assert fits_commitment(dek, request.context)


def test_it_tells_which_keks_it_opens_and_leaves_the_recovery_key_alone(shared: Service) -> None:
    assert shared.client().kek_ids() == {PRIMARY, HYBRID_RING.primary.kek_id}


def _spoiled(request: OpenRequest) -> dict[str, OpenRequest]:
    """Every way in which unwrapping fails for a KEK that is held."""
    other = request_for()
    flipped = bytes([request.wrapped[0] ^ 1]) + request.wrapped[1:]
    return {
        "another envelope's DEK": request._replace(wrapped=other.wrapped),
        "a changed attachment id": request._replace(
            context=request.context[:48] + os.urandom(16) + request.context[64:]
        ),
        "a changed commitment": request._replace(context=request.context[:112] + os.urandom(32)),
        "a flipped bit": request._replace(wrapped=flipped),
        "random bytes": request._replace(wrapped=os.urandom(len(request.wrapped))),
        "cut short": request._replace(wrapped=request.wrapped[:-1]),
        "one byte": request._replace(wrapped=b"x"),
        "no context": request._replace(context=bytes(144)),
        "another stanza's type": request_for(ring=HYBRID_RING)._replace(kek_id=PRIMARY),
        "a secret of another length": request._replace(wrapped=KEKS["primary"].public_half.wrap(b"short", b"")),
    }


def test_every_failure_looks_the_same(shared: Service) -> None:
    answers = {name: shared.ask(open_frame(spoiled)) for name, spoiled in _spoiled(request_for()).items()}

    assert len(answers) == 10
    assert answers == dict.fromkeys(answers, Frame(wire.REFUSED, b""))
    given = shared.ask(open_frame(request_for()))
    assert given is not None
    assert given.code == wire.GIVEN


def test_a_refusal_is_32_random_bytes_to_who_asked(shared: Service) -> None:
    request = request_for()
    client = shared.client()

    wrong = [client.open_dek(PRIMARY, wrapped, request.context) for wrapped in (b"", b"x", bytes(384), bytes(5_000))]

    assert {len(dek) for dek in wrong} == {32}
    assert len(set(wrong)) == 4


def test_a_kek_that_is_not_held_is_a_fault_of_configuration_and_not_of_the_document(shared: Service) -> None:
    request = request_for()

    with pytest.raises(KeyServiceUnavailable, match="does not hold KEK 0000"):
        shared.client().open_dek(bytes(32), request.wrapped, request.context)


def test_every_unwrap_is_written_down_with_ids_alone(tmp_path: Path) -> None:
    with unwrap_service(tmp_path) as service:
        request = request_for()
        dek = service.client().open_dek(*_as_asked(request))
        service.client().open_dek(PRIMARY, b"wrong", request.context)
        with pytest.raises(KeyServiceUnavailable):
            service.client().open_dek(bytes(32), request.wrapped, request.context)
        lines, text = service.lines(), service.audit.read_bytes()

    assert [line["outcome"] for line in lines] == ["asked", "given", "asked", "refused", "unknown-kek"]
    assert {name for line in lines for name in line} == {
        *("at", "unwrap", "peer", "process", "kek", "attachment", "outcome")
    }
    assert [line["unwrap"] for line in lines] == [1, 1, 2, 2, 3]
    assert {(line["peer"], line["process"]) for line in lines} == {(f"uid:{os.getuid()}", os.getpid())}
    assert dek.hex().encode() not in text
    assert service.audit.stat().st_mode & 0o777 == 0o600


def _as_asked(request: OpenRequest) -> tuple[bytes, bytes, bytes]:
    return request.kek_id, request.wrapped, request.context


def test_nothing_is_unwrapped_that_cannot_be_written_down(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_AUDIT="/dev/full") as service:
        assert service.ask(open_frame(request_for())) == Frame(wire.UNAVAILABLE)
        with pytest.raises(KeyServiceUnavailable, match="its log says why"):
            service.client().open_dek(*_as_asked(request_for()))
        assert "No space left" in service.log.read_text()


def test_whoever_is_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    with unwrap_service(tmp_path, VAULT_UNWRAP_RATE="1", VAULT_UNWRAP_BURST="3") as service:
        client, request = service.client(), request_for()
        with pytest.raises(KeyServiceRefused) as refused:
            list(map(client.open_dek, *zip(*[_as_asked(request)] * 1_000, strict=True)))

        assert 0 < refused.value.retry_after.total_seconds() <= 1.002
        outcomes = service.outcomes()
    assert outcomes.count("given") >= 3
    assert outcomes[-1] == "limited"
    assert outcomes.count("asked") == outcomes.count("given")


def test_a_bucket_fills_at_its_rate_up_to_its_burst() -> None:
    now = [100.0]
    limits = RateLimits(rate=2, burst=3, clock=lambda: now[0])

    assert [limits.take("web") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert limits.take("worker") == 0, "each peer has its own"
    now[0] += 0.5
    assert [limits.take("web") for _ in range(2)] == [0, 0.5]
    now[0] += 1_000
    assert [limits.take("web") for _ in range(4)] == [0, 0, 0, 0.5]
