"""Tokens of links: only the whole of the right one finds anything."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from documents.errors import LinkNotFound
from documents.models import Document
from documents.services.actors import Actor
from documents.services.links import TOKEN_BYTES, create_link, find_link

EVERY_BYTE = [chr(byte) for byte in range(256)]
ODD = ("", "\udc80", "\0", " ", "%", "é", "🙂", "\n", "../", "A" * 100_000)


@pytest.fixture
def token(store: Callable[..., Document], alice: User, as_alice: Actor) -> str:
    return create_link(store(), creator=alice, actor=as_alice).token


def altered(token: str, letters: Iterable[str]) -> Iterator[str]:
    """The token with one of its characters replaced, each by each of the letters."""
    for place, character in enumerate(token):
        for letter in letters:
            if letter != character:
                yield token[:place] + letter + token[place + 1 :]


def reshaped(token: str) -> list[str]:
    """Shorter, longer, in another case, and with a stranger somewhere."""
    cut = [token[:length] for length in range(len(token))] + [token[length:] for length in range(1, len(token))]
    longer = [*(token + odd for odd in ODD[1:]), *(odd + token for odd in ODD[1:]), token + "=", token * 2]
    return [*cut, *longer, *ODD, token.upper(), token.lower(), token.swapcase()]


def finding(tokens: Iterable[str]) -> list[str]:
    """Those of the tokens that find a link."""
    found = []
    for token in tokens:
        with suppress(LinkNotFound):
            find_link(token)
            found.append(token)
    return found


def random_tokens(count: int) -> set[str]:
    return {secrets.token_urlsafe(TOKEN_BYTES) for _ in range(count)}


def test_a_token_with_any_one_character_changed_finds_nothing(token: str) -> None:
    assert finding(altered(token, "AB")) == []
    assert finding(reshaped(token)) == []
    assert finding([token]) == [token]


def test_300_random_tokens_find_nothing(token: str) -> None:
    assert finding(random_tokens(300)) == []


@pytest.mark.long
def test_10000_random_tokens_and_every_change_of_every_byte_find_nothing(token: str) -> None:
    changed, random = list(altered(token, EVERY_BYTE)), random_tokens(10_000)
    assert (len(set(changed)), len(random)) == (43 * 255, 10_000)
    found = [finding(changed), finding(random), finding([token])]
    for tokens, those in (("tokens with one byte altered", changed), ("random tokens", random)):
        print(f"{len(those)} {tokens} tried")  # noqa: T201  # the figures of a long run
    print(f"{len(found[0]) + len(found[1])} of them found a link")  # noqa: T201
    assert found == [[], [], [token]]


def test_a_digest_of_a_part_of_the_token_would_be_seen(
    store: Callable[..., Document], alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: where only the first 20 characters count, a change of any other is not noticed."""
    monkeypatch.setattr(
        "documents.services.links._digest", lambda given: hashlib.sha256(given[:20].encode()).hexdigest()
    )
    token = create_link(store(), creator=alice, actor=as_alice).token

    assert finding(altered(token, "A")) == [wrong for wrong in altered(token, "A") if wrong[:20] == token[:20]] != []


def test_the_address_of_a_changed_token_is_not_found(token: str, client: Client) -> None:
    assert client.get(f"/l/{token}").getvalue() == b"a payslip"
    bodies = set()
    for wrong in [*altered(token, "A"), *random_tokens(20)]:
        answer = client.get(f"/l/{wrong}")
        assert answer.status_code == 404
        bodies.add((answer.json()["type"], answer.json()["detail"]))
    assert len(bodies) == 1, "one answer for them all"
    for wrong in reshaped(token):
        if len(wrong) < 10_000:
            assert client.get(f"/l/{quote(wrong.encode(errors='surrogateescape'), safe='')}").status_code == 404, wrong
