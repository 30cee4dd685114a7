"""Keys out of the environment: no command comes before they change, and still the former ones soon seal no more."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.checks import check_keys
from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id, pem_of
from documents.errors import KekInUse, RetiredKek
from documents.key_rings import key_ring
from documents.models import KekRecord
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.services.uploads import begin_upload
from tests.conftest import Store
from tests.keyring import public_pem
from tests.upkeep.keys import NEW_PRIMARY, add_key
from tests.upkeep.rotating import attachment_of, hours_pass, recipients_in_row
from tests.upkeep.test_commands import run as command

pytestmark = pytest.mark.django_db(transaction=True)

Configured = Callable[[str, str], None]


@pytest.fixture
def configured(keys: KeySources, settings: Settings) -> Configured:
    """Puts a primary and a recovery KEK into the environment, as after a restart; both primaries open."""
    vault = settings.VAULT
    (keys.directory / "primary.pem").rename(keys.directory / "older" / "former.pem")

    def configure(primary: str, recovery: str) -> None:
        sources = replace(keys, primary_pem=pem_of(primary).decode(), recovery_pem=public_pem(recovery).decode())
        settings.VAULT = replace(vault, keys=sources)
        key_rings.reset()

    return configure


@pytest.mark.parametrize(
    ("now", "replaced"), [((NEW_PRIMARY, "recovery"), "primary"), (("primary", NEW_PRIMARY), "recovery")]
)
def test_a_machine_with_the_former_environment_seals_no_more_and_rotates_nothing_back(
    configured: Configured, keys: KeySources, store: Store, now: tuple[str, str], replaced: str
) -> None:
    if now[1] == NEW_PRIMARY:
        (keys.directory / "older" / "waiting.pem").unlink()
    configured("primary", "recovery")
    document = store()
    configured(*now)
    command("rotate_keys", "--inline")
    wanted = [kek_id(name).hex() for name in now]
    assert recipients_in_row(attachment_of(document)) == wanted
    assert find_record(kek_id(replaced).hex()).replaced_at is not None

    configured("primary", "recovery")  # another machine, which nobody told
    store()
    hours_pass()
    with pytest.raises(RetiredKek, match="sealed once, and was replaced"):
        store()
    with pytest.raises(CommandError, match="sealed once, and was replaced"):
        command("rotate_keys", "--inline")
    assert recipients_in_row(attachment_of(document)) == wanted


def test_an_upload_that_arrives_keeps_a_former_recovery_kek_from_retiring(
    configured: Configured, keys: KeySources, store: Store, alice: User, operator: Actor
) -> None:
    (keys.directory / "older" / "waiting.pem").unlink()
    configured("primary", "recovery")
    store()
    with begin_upload(owner=alice, filename="a", content_type="", actor=operator) as upload:
        upload.write(b"x")
        configured("primary", NEW_PRIMARY)
        command("rotate_keys", "--inline")
        record = find_record(kek_id("recovery").hex())
        assert (record.purpose, record.made_primary_at) == ("recovery", None)
        with pytest.raises(KekInUse, match="1 uploads that arrive"):
            kek_life.retire_kek(record, operator)


def test_a_former_primary_is_noted_as_what_it_is(configured: Configured, keys: KeySources, store: Store) -> None:
    add_key(keys.directory / "older" / "hybrid.pem", "hybrid-primary")
    configured("hybrid-primary", "hybrid-recovery")
    store()
    configured(NEW_PRIMARY, "recovery")
    former = next(kek for kek in key_ring().older if kek.kek_id == kek_id("hybrid-primary"))
    assert not KekRecord.objects.filter(kek_id=former.kek_id.hex()).exists()
    command("rotate_keys", "--inline")
    record = find_record(former.kek_id.hex())
    assert (record.purpose, record.bits, record.wrap_type) == ("primary", former.bits, 2)


def test_a_recovery_key_in_older_opens_and_is_told(keys: KeySources, store: Store) -> None:
    """As the page on recovery has it, where a primary is lost: for as long as a rotation takes."""
    assert check_keys() == []
    add_key(keys.directory / "older" / "recovery.pem", "recovery")
    assert [found.id for found in check_keys()] == ["documents.E002"]
    document = store()
    (keys.directory / "primary.pem").unlink()
    (keys.directory / "older" / "waiting.pem").rename(keys.directory / "primary.pem")
    command("rotate_keys", "--inline")
    assert recipients_in_row(attachment_of(document)) == [kek_id(NEW_PRIMARY).hex(), kek_id("recovery").hex()]
