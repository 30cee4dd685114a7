"""Key blocks beside the objects: newer ones open what older keys cannot, bad ones block nothing and are told."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from documents.encryption.derivation import DEK_SIZE
from documents.encryption.keyring import KeyRing
from documents.encryption.sealing import wrap_for
from tests.encryption.keys import KEKS
from tests.recovery.conftest import Recover
from tests.recovery.damage import flip
from tests.recovery.objects import Shelf, check_recovered, manifest_of, outcomes, write_key

# Whoever the documents are rewrapped for in these tests.
NEW = KeyRing(KEKS["stranger"], [KEKS["recovery"]])


@pytest.fixture
def stranger_key(tmp_path: Path) -> Path:
    return write_key(tmp_path, "stranger")


def said_of(out: Path, sidecars: Sequence[str]) -> list[str]:
    entries = manifest_of(out)
    return [entries[sidecar]["outcome"] for sidecar in sidecars]


def test_a_newer_key_block_opens_for_a_newer_key(
    shelf: Shelf, out: Path, recovering: Recover, stranger_key: Path
) -> None:
    key = shelf.put(b"a payslip")
    sidecar = shelf.rewrap(key, NEW)
    assert recovering("--key", stranger_key) == 0
    check_recovered(shelf, out, [key])
    entry = manifest_of(out)[key]
    assert (entry["kek_id"], entry["key_block_seq"]) == (KEKS["stranger"].kek_id.hex(), 1)
    assert said_of(out, [sidecar]) == ["current"]


def test_the_newest_sound_one_is_current(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    first = shelf.rewrap(key, NEW)
    opened_block = shelf.read(first)
    second = shelf.put_sidecar(shelf.attachment_of(key), opened_block, seq=2)
    shelf.change(second, 36, (2).to_bytes(4, "big"))  # a newer number on an older block
    assert recovering() == 0
    check_recovered(shelf, out, [key])
    assert said_of(out, [first, second]) == ["current", "set aside"]


@pytest.mark.parametrize("size", [0, 1, 44, 100, -1])
def test_a_truncated_one_is_set_aside(shelf: Shelf, out: Path, recovering: Recover, size: int) -> None:
    key = shelf.put(b"a payslip")
    sidecar = shelf.rewrap(key, NEW)
    shelf.write(sidecar, shelf.read(sidecar)[:size])
    assert recovering() == 0
    check_recovered(shelf, out, [key])
    assert manifest_of(out)[sidecar]["why"] == "it is cut short or malformed"


def test_a_truncated_one_is_the_only_one_that_would_have_opened(
    shelf: Shelf, out: Path, recovering: Recover, stranger_key: Path
) -> None:
    key = shelf.put(b"a payslip")
    sidecar = shelf.rewrap(key, NEW)
    shelf.write(sidecar, shelf.read(sidecar)[:-1])
    assert recovering("--key", stranger_key) == 1
    assert outcomes(out) == {key: ("failed", "UnknownKey"), sidecar: ("not judged", None)}


def test_the_key_block_of_another_object_is_set_aside(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key, other = shelf.put(b"a payslip"), shelf.put(b"another")
    block = shelf.read(shelf.rewrap(other, NEW))
    foreign = shelf.put_sidecar(shelf.attachment_of(key), block, seq=1)
    assert recovering() == 0
    check_recovered(shelf, out, [key, other])
    assert said_of(out, [foreign]) == ["set aside"]


def attackers_block(shelf: Shelf, key: str, *, seq: int, kek: str) -> bytes:
    """A well-formed key block with a DEK of the attacker's own, wrapped for somebody who will read it."""
    dek, context = bytes(range(DEK_SIZE)), shelf.read(key)[:144]
    ring = KeyRing(KEKS[kek], [KEKS["primary"]])
    return wrap_for(ring, seq=seq, dek=dek, context=context)


@pytest.mark.parametrize("kek", ["recovery", "stranger"])
def test_an_attackers_key_block_neither_opens_nor_blocks(
    shelf: Shelf, out: Path, recovering: Recover, kek: str, stranger_key: Path, recovery_key: Path
) -> None:
    key = shelf.put(b"a payslip")
    attackers = shelf.put_sidecar(shelf.attachment_of(key), attackers_block(shelf, key, seq=9, kek=kek), seq=9)
    assert recovering("--key", stranger_key, "--key", recovery_key) == 0
    check_recovered(shelf, out, [key])
    assert said_of(out, [attackers]) == ["set aside"]
    assert manifest_of(out)[key]["key_block_seq"] == 0


def test_an_attackers_key_block_with_his_own_key_gives_him_nothing(
    shelf: Shelf, out: Path, recovering: Recover, stranger_key: Path
) -> None:
    key = shelf.put(b"a payslip")
    shelf.put_sidecar(shelf.attachment_of(key), attackers_block(shelf, key, seq=9, kek="stranger"), seq=9)
    assert recovering("--key", stranger_key) == 1
    assert outcomes(out)[key] == ("failed", "UnwrapFailed")


def test_the_eight_newest_are_tried_and_the_others_told(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    sidecars = [shelf.rewrap(key, NEW, seq=seq) for seq in range(1, 12)]
    assert recovering() == 0
    told = [manifest_of(out)[sidecar]["why"] for sidecar in sidecars]
    assert told[:3] == ["8 newer ones are there."] * 3
    assert "8 newer ones are there." not in told[3:]


def test_a_damaged_header_is_not_hidden_by_a_sound_key_block(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    shelf.rewrap(key, NEW)
    own = shelf.read(key).index(KEKS["primary"].kek_id)
    flip(shelf, key, own + 50)  # in the header's wrapped DEK for the primary
    assert recovering() == 1
    assert outcomes(out)[key] == ("failed", "AuthenticationFailed")


def test_a_key_block_that_came_after_its_object_was_recovered_is_not_judged(
    shelf: Shelf, out: Path, recovering: Recover
) -> None:
    key = shelf.put(b"a payslip")
    assert recovering() == 0
    late = shelf.rewrap(key, NEW)
    assert recovering() == 0
    assert said_of(out, [late]) == ["not judged"]


def test_key_blocks_without_an_object_are_told(shelf: Shelf, out: Path, recovering: Recover) -> None:
    key = shelf.put(b"a payslip")
    lonely = shelf.put_sidecar(uuid4(), shelf.read(shelf.rewrap(key, NEW)))
    assert recovering() == 0
    assert said_of(out, [lonely]) == ["no object"]


def test_what_only_looks_like_a_key_block_is_foreign(shelf: Shelf, out: Path, recovering: Recover) -> None:
    shelf.put(b"a payslip")
    shelf.write("keyblocks/notes.txt", b"mine")
    assert recovering() == 0
    assert outcomes(out)["keyblocks/notes.txt"] == ("told", None)


def test_a_rewrapped_document_opens_though_its_header_does_not_know_the_key(
    shelf: Shelf, out: Path, recovering: Recover, tmp_path: Path
) -> None:
    """What rotation leaves: the header's own block for keys that are destroyed, the current one beside it."""
    old = Shelf(shelf.root, KeyRing(KEKS["primary"], [KEKS["stranger"]]))
    key = old.put(b"a payslip")
    old.rewrap(key, NEW)
    assert recovering() == 0
    check_recovered(old, out, [key])
