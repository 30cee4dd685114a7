"""Each defence of the hybrid wrap switched off alone: the vector that it refuses then opens."""

from collections.abc import Callable

import pytest

from documents.encryption import hybrid, keyblock
from documents.encryption.aead import Aead
from documents.encryption.derivation import hkdf
from documents.encryption.hybrid import HybridOpener, HybridPublicHalf
from documents.encryption.kek import DekOpener
from documents.encryption.keyring import RSA_OAEP, KeyRing
from documents.encryption.vectors import hybrid as vectors
from documents.encryption.vectors.hybrid_writer import info_of
from documents.encryption.wrapping import RsaOpener
from documents.errors import EncryptionError
from tests.encryption.keys import KEKS, ring_holding
from tests.encryption.objects import opened

VECTORS = {vector.name: vector for vector in vectors.cases()}
SwitchOff = Callable[[str, object, str, object], None]


def read(name: str) -> bytes:
    vector = VECTORS[name]
    return opened(vector.object, ring=ring_holding(*vector.keks, weakest_type=vector.weakest_type or RSA_OAEP))


@pytest.fixture
def opens_without(monkeypatch: pytest.MonkeyPatch) -> SwitchOff:
    """The vector is refused, and opens when the attribute is replaced."""

    def check(name: str, owner: object, attribute: str, replacement: object) -> None:
        with pytest.raises(EncryptionError):
            read(name)
        monkeypatch.setattr(owner, attribute, replacement)
        assert read(name) == b"one small document"

    return check


def with_info(make: Callable[[bytes], bytes]) -> Callable[..., Aead]:
    """A wrapping cipher that takes ``make`` of c1 ‖ c2 for its info."""
    return lambda _half, s1, s2, ciphertexts: Aead(hkdf(s1 + s2, b"", make(ciphertexts)))


def sound_info(ciphertexts: bytes) -> bytes:
    return info_of("hybrid-primary", ciphertexts[:384], ciphertexts[384:])


def test_without_info_anything_that_was_wrapped_for_this_key_unwraps(opens_without: SwitchOff) -> None:
    opens_without("hybrid-info-empty", HybridPublicHalf, "wrapping_cipher", with_info(lambda _: b""))


def test_without_the_ciphertexts_in_info_w_is_not_bound_to_them(opens_without: SwitchOff) -> None:
    unbound = with_info(lambda ciphertexts: sound_info(ciphertexts)[:-32])
    opens_without("hybrid-info-no-ciphertexts", HybridPublicHalf, "wrapping_cipher", unbound)


def test_without_the_kek_id_in_info_w_is_not_bound_to_it(opens_without: SwitchOff) -> None:
    mine, other_id = (KEKS[name].kek_id for name in ("hybrid-primary", "hybrid-recovery"))
    other = with_info(lambda ciphertexts: sound_info(ciphertexts).replace(mine, other_id))
    opens_without("hybrid-info-other-kek", HybridPublicHalf, "wrapping_cipher", other)


@pytest.mark.parametrize(("name", "kept"), [("hybrid-rsa-alone", 0), ("hybrid-ml-kem-alone", 1)])
def test_without_one_of_the_secrets_the_other_is_enough(opens_without: SwitchOff, name: str, kept: int) -> None:
    def alone(_half: HybridPublicHalf, s1: bytes, s2: bytes, ciphertexts: bytes) -> Aead:
        return Aead(hkdf((s1, s2)[kept], b"", sound_info(ciphertexts)))

    opens_without(name, HybridPublicHalf, "wrapping_cipher", alone)


def test_without_associated_data_w_is_not_bound_to_the_context(opens_without: SwitchOff) -> None:
    def open_dek(opener: HybridOpener, wrapped: bytes, _context: bytes) -> bytes:
        return sound(opener, wrapped, b"")

    sound = HybridOpener.open_dek
    opens_without("hybrid-aad-empty", HybridOpener, "open_dek", open_dek)


def test_without_one_type_for_an_id_the_rsa_half_alone_opens(opens_without: SwitchOff) -> None:
    def by_id_alone(_ring: KeyRing, _stanza_type: int, _kek_id: bytes) -> DekOpener:
        opener = KEKS["hybrid-primary"].opener
        assert isinstance(opener, HybridOpener)
        return RsaOpener(opener.rsa)

    opens_without("type-1-under-a-hybrid-id", KeyRing, "opener_for", by_id_alone)


@pytest.mark.parametrize("name", ["weaker-refused", "weaker-beside-a-strangers"])
def test_without_the_weakest_type_the_reader_falls_back(opens_without: SwitchOff, name: str) -> None:
    opens_without(name, KeyRing, "accepts", lambda *_: True)


@pytest.mark.parametrize("name", ["hybrid-before-rsa", "rsa-before-hybrid"])
def test_without_the_refusal_of_mixed_blocks_the_weaker_wrap_opens(opens_without: SwitchOff, name: str) -> None:
    opens_without(name, keyblock, "RSA_OAEP", 99)


def test_without_the_check_of_the_tag_a_random_dek_meets_the_commitment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not unwrap goes on as random bytes: never as bytes that somebody else chose."""
    monkeypatch.setattr(hybrid, "_opened", lambda _cipher, _sealed, _context: None)
    with pytest.raises(EncryptionError):
        read("hybrid-for-hybrid-primary")
