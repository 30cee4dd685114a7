"""Sessions: what the database holds of them signs nobody in."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from tests.conftest import PASSWORD
from vault.sessions import SessionStore, stored_key


def sign_in() -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    return client


def key_of(client: Client) -> str:
    return str(client.cookies[django_settings.SESSION_COOKIE_NAME].value)


def is_signed_in_with(key: str) -> bool:
    client = Client()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = key
    return client.get("/").status_code == 200


def test_nothing_in_the_database_is_a_session_cookie(alice: User) -> None:
    key = key_of(sign_in())

    [row] = Session.objects.all()
    assert is_signed_in_with(key)
    assert row.session_key == stored_key(key) != key
    assert not is_signed_in_with(row.session_key)


def test_what_a_session_holds_is_encrypted(alice: User) -> None:
    store = SessionStore()
    store["mfa.totp.secret"] = "canary"
    store.save()

    [row] = Session.objects.all()
    assert row.get_decoded() == {}, "signed alone, Django would read it"
    assert SessionStore(store.session_key)["mfa.totp.secret"] == "canary"


def test_a_new_secret_key_ends_sessions_unless_the_old_one_is_kept(alice: User, settings: Settings) -> None:
    key = key_of(sign_in())
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-" * 8

    settings.SECRET_KEY_FALLBACKS = [old]
    assert is_signed_in_with(key)
    settings.SECRET_KEY_FALLBACKS = []
    assert not is_signed_in_with(key)


def test_signing_in_changes_the_key_and_signing_out_ends_it(alice: User) -> None:
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    forced = key_of(client)
    assert is_signed_in_with(forced)

    client.post("/accounts/logout/")
    assert not is_signed_in_with(forced)
    assert not Session.objects.filter(session_key=stored_key(forced)).exists()
    assert key_of(sign_in()) != forced


def test_a_key_that_was_not_given_out_is_not_taken_over(alice: User) -> None:
    store = SessionStore("a" * 32)

    assert store.load() == {}
    store["canary"] = 1
    store.save()
    assert store.session_key != "a" * 32


def test_expired_sessions_are_refused_and_cleared(alice: User) -> None:
    expired, live = key_of(sign_in()), key_of(sign_in())
    row = Session.objects.filter(session_key=stored_key(expired))
    row.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert not is_signed_in_with(expired)
    call_command("clearsessions")
    assert not row.exists()
    assert is_signed_in_with(live)


@pytest.mark.django_db(transaction=True)
def test_asynchronous_code_finds_the_same_sessions() -> None:
    async def walk() -> None:
        store = SessionStore()
        await store.aset("seen", "yes")
        await store.asave()
        key = str(store.session_key)
        assert await Session.objects.filter(session_key=stored_key(key)).aexists()
        assert await store.aexists(key)
        assert await SessionStore(key).aget("seen") == "yes"
        await SessionStore(key).adelete()
        assert not await store.aexists(key)
        assert await SessionStore(key).aload() == {}
        await sync_to_async(connections.close_all)()  # of the thread that Django's asynchronous calls run in

    asyncio.run(walk())
