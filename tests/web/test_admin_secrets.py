"""The admin, walked as a whole: whatever is registered shows no secret, and nothing at all to who is not staff."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client

from documents.models import AdoptedSource, Attachment, Document, ObjectRemoval, StagedAttachment, UpkeepRun
from documents.services.actors import Actor
from documents.services.kek_standing import list_keks
from documents.services.links import create_link
from documents.services.tokens import create_token
from migrations_tools.models import MigrationRun

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CONTENT = b"plaintext-canary"
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def secrets(store: Callable[..., Document], alice: User, as_alice: Actor) -> list[str]:
    """Fill every table that the admin shows. Returns what must stand on no page."""
    document = store(CONTENT)
    StagedAttachment.objects.create(owner=alice, expires_at=document.created_at)
    ObjectRemoval.objects.create(storage_type="local", storage_path="x", attachment_id=document.pk)
    MigrationRun.objects.create(destination="local", created_by=alice, note="made by hand")
    UpkeepRun.objects.create(kind=UpkeepRun.Kind.VERIFY, options={"deep": False, "rate": 0, "store": ""})
    AdoptedSource.objects.create(
        identity="0" * 64, place="/old", key="passport.json", size=7, modified_at=document.created_at
    )
    list_keks()
    EmailAddress.objects.create(user=alice, email=alice.email)
    Group.objects.create(name="readers")
    link = create_link(document, creator=alice, actor=as_alice, password="link-password-canary")
    token = create_token(alice, actor=as_alice)
    TOTP.activate(alice, SECRET)
    codes = RecoveryCodes.activate(alice)
    stored = [str(value) for row in Authenticator.objects.all() for value in row.data.values() if len(str(value)) > 8]
    assert len(stored) == 2
    keys = Attachment.objects.get().key_block.hex()
    return [
        *(SECRET, CONTENT.decode(), *stored, *codes.generate_codes(), alice.password, keys),
        *(link.token, link.link.token_sha256, link.link.password, token.token, token.row.token_sha256),
    ]


def pages_of(model: type[Model]) -> list[str]:
    place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    rows = model._default_manager.values_list("pk", flat=True)
    assert rows, model
    return [place, f"{place}add/", *(f"{place}{row}/{page}/" for row in rows for page in ("change", "history"))]


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_no_page_of_the_admin_shows_a_secret(
    sam: User, client_of: Callable[[User | None], Client], secrets: list[str], model: type[Model]
) -> None:
    browser = client_of(sam)
    for page in pages_of(model):
        answer = browser.get(page)
        assert answer.status_code == 200 or (page.endswith("/add/") and answer.status_code == 403), page
        shown = answer.content.decode()
        assert [secret for secret in secrets if secret in shown] == [], page


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_nobody_but_staff_sees_a_page_of_the_admin(
    bob: User, client_of: Callable[[User | None], Client], secrets: list[str], model: type[Model]
) -> None:
    browser = client_of(bob)
    answers = {page: browser.get(page).status_code for page in pages_of(model)}
    assert set(answers.values()) <= {302, 403}, answers


def test_a_second_factor_is_looked_at_and_not_changed(sam: User, secrets: list[str]) -> None:
    browser = Client()
    browser.force_login(sam, backend="django.contrib.auth.backends.ModelBackend")
    row = Authenticator.objects.get(type="totp")
    place = f"/admin/mfa/authenticator/{row.pk}/change/"

    assert b'name="_save"' not in browser.get(place).content
    assert browser.post(place, {"data": "{}", "type": "totp", "user": sam.pk}).status_code == 403
    assert Authenticator.objects.get(pk=row.pk).data == row.data
