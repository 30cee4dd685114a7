"""The older envelope is read whole or not at all, and every way of being wrong has one clear error."""

import base64
import json
import tracemalloc
from collections.abc import Callable

import pytest

from documents.errors import AuthenticationFailed, KeyRingError, MalformedEnvelope, UnwrapFailed, WrongPassphrase
from documents.legacy import opening
from documents.legacy.envelope import Fields, mentions_ciphertext, parse_envelope
from documents.legacy.keys import load_private_keys
from documents.legacy.opening import key_id_of, open_legacy, pieces_of
from tests.legacy.making import MEMBERS, OAEP_SHA1, members_of, older_envelope, older_key, pem_of_older

SECRET = b"what stands in a passport"


def opened(data: bytes, *, fields: Fields | None = None, padding: str = "oaep-sha256") -> bytes:
    return open_legacy(data, [older_key()], fields=fields or Fields(), padding=padding).plaintext


def changed(**members: object) -> bytes:
    return json.dumps({**members_of(SECRET), **members}).encode()


@pytest.mark.parametrize("plaintext", [b"", b"x", SECRET, bytes(300_000)])
def test_what_was_sealed_comes_back(plaintext: bytes) -> None:
    document = open_legacy(older_envelope(plaintext), [older_key("another"), older_key()], fields=Fields())

    assert document.plaintext == plaintext
    assert document.kek_id == key_id_of(older_key())
    assert SECRET.decode() not in repr(document)


@pytest.mark.parametrize("nonce_size", [12, 16])
def test_nonces_of_both_lengths_are_read(nonce_size: int) -> None:
    assert opened(json.dumps(members_of(SECRET, nonce_size=nonce_size)).encode()) == SECRET


def test_the_padding_is_the_one_that_is_configured() -> None:
    data = json.dumps(members_of(SECRET, oaep=OAEP_SHA1)).encode()

    assert opened(data, padding="oaep-sha1") == SECRET
    with pytest.raises(UnwrapFailed):
        opened(data)


@pytest.mark.parametrize("name", ["encrypted_key", "wrapped_key", "key"])
def test_the_wrapped_key_goes_by_several_names(name: str) -> None:
    members = members_of(SECRET)
    members[name] = members.pop("encrypted_key")

    assert opened(json.dumps(members).encode()) == SECRET


def test_members_may_be_called_otherwise() -> None:
    names = dict(zip(MEMBERS, ("data", "mac", "iv", "cek"), strict=True))
    data = json.dumps({names[name]: value for name, value in members_of(SECRET).items()}).encode()
    fields = Fields(ciphertext=("data",), tag=("mac",), nonce=("iv",), wrapped_key=("cek",))

    assert opened(data, fields=fields) == SECRET
    with pytest.raises(MalformedEnvelope, match="no ciphertext"):
        opened(data)


def test_what_else_a_program_noted_is_passed_over() -> None:
    noted = {"version": 1, "meta": {"name": ["a", {"b": None}], "size": 1.5}, "ok": True, "note": "x" * 100_000}

    assert opened(json.dumps({**noted, **members_of(SECRET)}, indent=2).encode()) == SECRET
    assert opened(json.dumps({**members_of(SECRET), **noted}).replace("/", "\\/").encode()) == SECRET


WRONG_JSON: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _data: b"",
    "no JSON": lambda _data: b"%PDF-1.7 a plain file",
    "a list": lambda data: b"[" + data + b"]",
    "a text": lambda _data: b'"ciphertext"',
    "no UTF-8": lambda data: data.replace(b"nonce", b"non\xff"),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "something behind": lambda data: data + b"{}",
    "a comma too many": lambda data: data[:-1] + b",}",
    "no colon": lambda data: data.replace(b":", b"", 1),
    "no member": lambda _data: b"{}",
    "a lone comma": lambda _data: b"{,}",
    "a member twice": lambda data: data[:-1] + b', "tag": "AAAAAAAAAAAAAAAAAAAAAA=="}',
    "deeply nested": lambda data: data[:-1] + b', "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a number without end": lambda data: data[:-1] + b', "x": ' + b"9" * 5_000 + b"}",
    "a large list": lambda data: data[:-1] + b', "x": [' + b"{}," * 40_000 + b"{}]}",
    "many members": lambda data: data[:-1] + b"".join(b', "x%d": 1' % number for number in range(80)) + b"}",
    "a control character": lambda data: data.replace(b'"nonce": "', b'"nonce": "\n'),
}


@pytest.mark.parametrize("how", WRONG_JSON)
def test_hostile_json_is_refused(how: str) -> None:
    with pytest.raises(MalformedEnvelope):
        opened(WRONG_JSON[how](older_envelope(SECRET)))


def test_an_envelope_that_is_cut_anywhere_is_refused() -> None:
    data = older_envelope(SECRET)
    for length in range(len(data)):
        with pytest.raises(MalformedEnvelope):
            opened(data[:length])


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("value", [None, 7, True, ["AAAA"], {"a": "b"}, "not base64!", "AAA", "AA==AA==", "ÄÄÄÄ"])
def test_a_member_of_another_type_or_no_base64_is_refused(name: str, value: object) -> None:
    with pytest.raises(MalformedEnvelope, match=name):
        opened(changed(**{name: value}))


@pytest.mark.parametrize(
    ("name", "size"), [("tag", 15), ("tag", 0), ("nonce", 8), ("nonce", 17), ("encrypted_key", 32)]
)
def test_a_member_of_an_impossible_length_is_refused(name: str, size: int) -> None:
    with pytest.raises(MalformedEnvelope, match=f"{size} bytes"):
        opened(changed(**{name: base64.b64encode(bytes(size)).decode()}))


def test_a_key_under_two_names_is_refused() -> None:
    with pytest.raises(MalformedEnvelope, match="several of"):
        opened(changed(key=members_of(SECRET)["encrypted_key"]))


@pytest.mark.parametrize("name", ["ciphertext", "tag", "nonce"])
def test_every_changed_bit_is_found_and_gives_no_plaintext(name: str) -> None:
    members = members_of(SECRET)
    stored = base64.b64decode(members[name])
    for place in range(len(stored) * 8):
        damaged = bytearray(stored)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(AuthenticationFailed) as caught:
            opened(json.dumps({**members, name: base64.b64encode(damaged).decode()}).encode())
        assert SECRET.decode() not in str(caught.value)


def unwrap_failures() -> list[UnwrapFailed]:
    damaged = bytearray(base64.b64decode(members_of(SECRET)["encrypted_key"]))
    damaged[100] ^= 1
    ways = [
        changed(encrypted_key=base64.b64encode(damaged).decode()),
        changed(encrypted_key=base64.b64encode(bytes(256)).decode()),
        changed(encrypted_key=base64.b64encode(bytes(384)).decode()),
        older_envelope(SECRET, key=older_key("another")),
        json.dumps(members_of(SECRET, aes_key=bytes(16))).encode(),
        json.dumps(members_of(SECRET, oaep=OAEP_SHA1)).encode(),
    ]
    failures = []
    for data in ways:
        with pytest.raises(UnwrapFailed) as caught:
            opened(data)
        failures.append(caught.value)
    return failures


def test_every_failed_unwrap_looks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []
    monkeypatch.setattr(opening, "_opened", lambda _envelope, key: tried.append(key))

    failures = unwrap_failures()

    assert {(type(failure), str(failure)) for failure in failures} == {(UnwrapFailed, str(failures[0]))}
    assert [len(key) for key in tried] == [32] * len(failures), "each went the whole way, with a random key"
    assert len(set(tried)) == len(failures)


def test_without_any_key_nothing_opens() -> None:
    with pytest.raises(UnwrapFailed):
        open_legacy(older_envelope(SECRET), [], fields=Fields())


def test_what_is_built_of_a_file_is_a_few_times_as_large_as_the_file() -> None:
    """A hundred thousand objects of three bytes in a member that nobody asked for."""
    bomb = older_envelope(SECRET)[:-1] + b', "x": [' + b"{}," * 1_000_000 + b"{}]}"
    tracemalloc.start()
    try:
        with pytest.raises(MalformedEnvelope):
            parse_envelope(bomb, Fields())
        assert tracemalloc.get_traced_memory()[1] < 4 * len(bomb)
        tracemalloc.reset_peak()
        json.loads(bomb)
        assert tracemalloc.get_traced_memory()[1] > 10 * len(bomb), "the measure sees what is avoided"
    finally:
        tracemalloc.stop()


def test_a_damaged_envelope_is_still_known_for_one() -> None:
    assert mentions_ciphertext(older_envelope(SECRET)[:40], Fields())
    assert not mentions_ciphertext(b'{"name": "settings"}', Fields())


def test_pieces_are_the_range_that_was_asked_for() -> None:
    content = bytes(range(256)) * 3
    for start, stop in ((0, 768), (0, 0), (1, 2), (255, 700), (767, 768)):
        assert b"".join(pieces_of(content, start=start, stop=stop, size=100)) == content[start:stop]


def test_one_file_may_hold_several_keys() -> None:
    keys = load_private_keys(pem_of_older() + "\n" + pem_of_older("another", passphrase="secret"), passphrase="secret")

    assert [key_id_of(key) for key in keys] == [key_id_of(older_key()), key_id_of(older_key("another"))]
    assert load_private_keys("") == ()


@pytest.mark.parametrize("passphrase", ["", "wrong-canary"])
def test_a_wrong_or_missing_passphrase_is_told_and_not_repeated(passphrase: str) -> None:
    with pytest.raises(WrongPassphrase) as caught:
        load_private_keys(pem_of_older(passphrase="secret"), passphrase=passphrase)
    assert "canary" not in str(caught.value)


def test_what_is_no_private_key_is_refused() -> None:
    body = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    for text in ("nonsense", body, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        with pytest.raises(KeyRingError):
            load_private_keys(text)
