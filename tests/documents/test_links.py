"""Links: what they give, until when, and how often."""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

import pytest
from django.contrib.auth.models import User

from documents.errors import (
    DocumentNotFound,
    LinkGone,
    LinkLocked,
    LinkNotFound,
    LinkPasswordRequired,
    LinkPasswordWrong,
    LinkRejected,
    StorageUnavailable,
)
from documents.models import AuditEvent, Document, Link
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.links import (
    WRONG_PASSWORDS,
    NewLink,
    check_link_password,
    create_link,
    end_link,
    find_link,
    open_linked,
    revoke_link,
)
from documents.storage.memory import MemoryProvider
from tests.parallel import in_parallel, while_it_holds

ANYBODY = Actor(None, "link")


@pytest.fixture
def document(store: Callable[..., Document]) -> Document:
    return store()


@pytest.fixture
def share(document: Document, alice: User, as_alice: Actor) -> Callable[..., NewLink]:
    return lambda **limits: create_link(document, creator=alice, actor=as_alice, **limits)


def test_a_link_lives_24_hours_unless_said_otherwise(share: Callable[..., NewLink]) -> None:
    lifetime = share().link.expires_at - database_now()

    assert timedelta(hours=23, minutes=59) < lifetime <= timedelta(hours=24)


def test_only_a_hash_of_the_token_is_kept(share: Callable[..., NewLink]) -> None:
    made = share()

    assert len(made.token) >= 43, "256 random bits"
    assert made.token not in str(list(Link.objects.values()) + list(AuditEvent.objects.values()))
    assert find_link(made.token) == made.link


def test_a_link_ends_when_it_expires(share: Callable[..., NewLink]) -> None:
    made = share(expires_in=timedelta(hours=1))
    Link.objects.update(expires_at=database_now() + timedelta(seconds=5))
    assert find_link(made.token) == made.link

    Link.objects.update(expires_at=database_now() - timedelta(seconds=1))
    with pytest.raises(LinkGone):
        find_link(made.token)
    with pytest.raises(LinkGone):
        open_linked(made.link, ANYBODY, start=0, stop=1)


def test_a_revoked_link_has_ended(share: Callable[..., NewLink], alice: User, as_alice: Actor) -> None:
    made = share()
    revoke_link(made.link.pk, creator=alice, actor=as_alice)
    revoke_link(made.link.pk, creator=alice, actor=as_alice)

    with pytest.raises(LinkGone):
        open_linked(made.link, ANYBODY, start=0, stop=1)
    assert AuditEvent.objects.filter(action="link.revoked").count() == 1
    assert not end_link(made.link, as_alice)


def test_nobody_else_can_revoke(share: Callable[..., NewLink], bob: User) -> None:
    made = share()

    with pytest.raises(LinkNotFound):
        revoke_link(made.link.pk, creator=bob, actor=Actor(bob, "web"))
    assert find_link(made.token) == made.link


def test_the_link_of_a_deleted_document_has_ended(
    share: Callable[..., NewLink], document: Document, alice: User, as_alice: Actor
) -> None:
    made = share()
    delete_document(document.pk, owner=alice, actor=as_alice)

    with pytest.raises(LinkGone):
        find_link(made.token)


def test_a_document_that_is_gone_cannot_be_shared(
    share: Callable[..., NewLink], document: Document, alice: User, as_alice: Actor
) -> None:
    delete_document(document.pk, owner=alice, actor=as_alice)

    with pytest.raises(DocumentNotFound):
        share()


@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_while_it_is_shared_is_not_found(share: Callable[..., NewLink], document: Document) -> None:
    shared = while_it_holds(share, Document.objects.filter(pk=document.pk).delete)

    assert isinstance(shared.exception(), DocumentNotFound)


@pytest.mark.django_db(transaction=True)
def test_a_one_time_link_gives_once_under_100_parallel_requests(share: Callable[..., NewLink]) -> None:
    made = share(max_downloads=1)

    def claim() -> bool:
        try:
            open_linked(made.link, ANYBODY, start=0, stop=1).close()
        except LinkGone:
            return False
        return True

    assert sum(in_parallel(claim, times=100)) == 1
    assert AuditEvent.objects.filter(action="link.downloaded").count() == 1


def test_a_password_is_asked_for_and_hashed(share: Callable[..., NewLink]) -> None:
    link = share(password="open sesame").link

    assert link.password.startswith("argon2")
    with pytest.raises(LinkPasswordRequired):
        check_link_password(link, "", ANYBODY)
    with pytest.raises(LinkPasswordWrong):
        check_link_password(link, "open sesam", ANYBODY)
    check_link_password(link, "open sesame", ANYBODY)


def test_wrong_passwords_lock_the_link_for_a_while(share: Callable[..., NewLink]) -> None:
    link = share(password="open sesame").link
    for _ in range(WRONG_PASSWORDS):
        with pytest.raises(LinkPasswordWrong):
            check_link_password(link, "wrong guess", ANYBODY)

    with pytest.raises(LinkLocked, match="15 minutes"):
        check_link_password(link, "open sesame", ANYBODY)
    with pytest.raises(LinkLocked):
        check_link_password(link, "open sesame", ANYBODY)
    Link.objects.update(locked_until=database_now() - timedelta(seconds=1))
    check_link_password(link, "open sesame", ANYBODY)


def test_the_right_password_starts_the_count_again(share: Callable[..., NewLink]) -> None:
    link = share(password="open sesame").link
    for _ in range(3):
        for _ in range(WRONG_PASSWORDS - 1):
            with pytest.raises(LinkPasswordWrong):
                check_link_password(link, "wrong guess", ANYBODY)
        check_link_password(link, "open sesame", ANYBODY)


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_cannot_outrun_the_count(share: Callable[..., NewLink]) -> None:
    link = share(password="open sesame").link

    def guess() -> str:
        try:
            check_link_password(link, "wrong guess", ANYBODY)
        except (LinkPasswordWrong, LinkLocked) as error:
            return error.code
        return "let in"

    answers = in_parallel(guess, times=12)
    assert answers.count("link-password-wrong") == WRONG_PASSWORDS
    assert answers.count("link-locked") == 12 - WRONG_PASSWORDS


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"expires_in": timedelta(0)}, "0"),
        ({"expires_in": timedelta(seconds=-5)}, "-5"),
        ({"expires_in": timedelta(days=31)}, "30 days"),
        ({"password": "short"}, "8"),
        ({"password": "\ud800" + "a" * 10}, "letters"),
        ({"password": "x" * 1001}, "1000"),
        ({"max_downloads": 0}, "1"),
        ({"max_downloads": 10**7}, "10,000,000"),
    ],
)
def test_a_limit_that_is_not_kept_is_named(
    share: Callable[..., NewLink], limits: dict[str, object], named: str
) -> None:
    with pytest.raises(LinkRejected, match=named):
        share(**limits)
    assert not Link.objects.exists()


def test_a_store_that_fails_uses_nothing_up(share: Callable[..., NewLink], monkeypatch: pytest.MonkeyPatch) -> None:
    made = share(max_downloads=1)

    class Down(MemoryProvider):
        def open(self, key: str, **_span: object) -> NoReturn:
            raise StorageUnavailable("down", key=key)

    with monkeypatch.context() as patch:
        patch.setattr("documents.services.object_reading.readable_provider", lambda *_: Down(name="memory"))
        with pytest.raises(StorageUnavailable):
            open_linked(made.link, ANYBODY, start=0, stop=1)
    assert find_link(made.token).downloads == 0
    open_linked(made.link, ANYBODY, start=0, stop=1).close()
    with pytest.raises(LinkGone):
        find_link(made.token)


def test_a_link_download_is_one_line_of_the_audit_log(share: Callable[..., NewLink]) -> None:
    made = share()
    open_linked(made.link, ANYBODY, start=0, stop=1).close()

    downloads = AuditEvent.objects.filter(action__endswith="downloaded")
    assert [(event.action, event.link_id) for event in downloads] == [("link.downloaded", made.link.pk)]


def test_the_links_of_somebody_who_was_disabled_have_ended(share: Callable[..., NewLink], alice: User) -> None:
    made = share()
    User.objects.filter(pk=alice.pk).update(is_active=False)

    with pytest.raises(LinkGone):
        find_link(made.token)


def test_a_locked_link_is_audited_once(share: Callable[..., NewLink]) -> None:
    link = share(password="open sesame").link
    for _ in range(WRONG_PASSWORDS + 3):
        with pytest.raises((LinkPasswordWrong, LinkLocked)):
            check_link_password(link, "wrong guess", ANYBODY)

    assert AuditEvent.objects.filter(action="link.locked", link_id=link.pk).count() == 1
