"""Rotation with the private keys in an unwrap service that limits, is killed in the middle, or gets a new key."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.encryption.vectors.keys import kek_id, pem_of
from documents.errors import KekRefused, KeyServiceUnavailable
from documents.models import Attachment, KekRecord, UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.services import kek_life, patience
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.services.patience import patiently
from documents.upkeep import runs
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.keyring import public_pem, write_keys
from tests.keyservice.serving import Service, comes_true, public_sources, unwrap_service
from tests.keyservice.test_documents import read
from tests.upkeep.rotating import OPERATOR, make_primary, rotate

pytestmark = pytest.mark.django_db(transaction=True)
NEW = kek_id("stranger").hex()
COUNT = 12


def use(settings: Settings, public: Path, service: Service) -> None:
    """Have this process ask the service. Its directory has the public halves of both KEKs."""
    sources = public_sources(public, service)
    (public / "older").mkdir(exist_ok=True)
    (public / "older" / "new.pub.pem").write_bytes(public_pem("stranger"))
    settings.VAULT = replace(settings.VAULT, keys=sources)
    key_rings.reset()


@pytest.fixture
def both_keys(tmp_path: Path) -> Path:
    """The service's directory, with the private halves of the old KEK and the new one."""
    write_keys(tmp_path / "service" / "keys", older="stranger")
    return tmp_path / "service"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "PAUSES", (0.05, 0.1))
    yield
    key_rings.reset()


def test_a_rate_limit_is_waited_for_and_stops_no_rotation(
    both_keys: Path, settings: Settings, tmp_path: Path, store: Store, as_alice: Actor
) -> None:
    with unwrap_service(both_keys, VAULT_UNWRAP_RATE="10", VAULT_UNWRAP_BURST="2") as service:
        use(settings, tmp_path / "public", service)
        documents = [store(b"%d" % number) for number in range(COUNT)]

        run = rotate(NEW)

        assert (run.state, run.findings.count()) == (UpkeepState.SUCCEEDED, 0)
        assert set(Attachment.objects.values_list("kek_id", flat=True)) == {NEW}
        assert "limited" in service.outcomes()
        assert service.outcomes().count("given") == COUNT
        assert patiently(read, documents[0], as_alice) == b"0"


def test_a_rotation_without_the_service_stands_still_and_goes_on(
    both_keys: Path, settings: Settings, tmp_path: Path, store: Store
) -> None:
    with unwrap_service(both_keys) as service:
        use(settings, tmp_path / "public", service)
        for number in range(COUNT):
            store(b"%d" % number)
        service.kill()

        run = rotate(NEW)

        assert run.state == UpkeepState.INTERRUPTED
        assert "cannot be reached" in run.note
        assert not run.findings.exists()
    with unwrap_service(both_keys):
        runs.resume(run, OPERATOR)
        work_on(run.pk)
    run.refresh_from_db()
    assert (run.state, run.findings.count()) == (UpkeepState.SUCCEEDED, 0)
    assert set(Attachment.objects.values_list("kek_id", flat=True)) == {NEW}


def test_verifying_without_the_service_finds_nothing_wrong_with_documents(
    both_keys: Path, settings: Settings, tmp_path: Path, store: Store
) -> None:
    with unwrap_service(both_keys) as service:
        use(settings, tmp_path / "public", service)
        store(b"a payslip")
        service.kill()
        run = begin_verifying(OPERATOR, deep=True)
        work_on(run.pk)
        run.refresh_from_db()
        assert (run.state, run.findings.count()) == (UpkeepState.INTERRUPTED, 0)
    assert UpkeepRun.objects.count() == 1


def test_a_service_that_is_away_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    tries: list[int] = []

    def succeed_at_last() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise KeyServiceUnavailable("It is started again.")
        return "done"

    assert patiently(succeed_at_last) == "done"


def test_a_kek_that_is_made_at_the_service_becomes_primary(
    settings: Settings, tmp_path: Path, store: Store, as_alice: Actor
) -> None:
    with unwrap_service(tmp_path / "service") as service:
        use(settings, tmp_path / "public", service)
        document = store(b"a payslip")
        assert NEW not in {opened.hex() for opened in key_rings.key_ring().opens}

        added = write_keys(tmp_path / "service" / "keys", older="stranger") / "older" / "stranger.pem"
        assert added.read_bytes() == pem_of("stranger")
        assert comes_true(lambda: len(service.client().kek_ids()) == 2)
        (tmp_path / "public" / "older" / "again.pub.pem").write_bytes(public_pem("stranger"))

        assert NEW in {opened.hex() for opened in key_rings.key_ring().opens}, "another key file is a reason to ask"
        make_primary(NEW)
        assert read(document, as_alice) == b"a payslip"
        assert read(store(b"sealed for the new one"), as_alice) == b"sealed for the new one"


def test_a_kek_is_destroyed_once_the_service_holds_it_no_more(
    both_keys: Path, settings: Settings, tmp_path: Path, store: Store, as_alice: Actor
) -> None:
    with unwrap_service(both_keys) as service:
        use(settings, tmp_path / "public", service)
        document = store(b"a payslip")
        old = kek_id("primary").hex()
        rotate(NEW)
        record = find_record(old)
        kek_life.retire_kek(record, OPERATOR)
        KekRecord.objects.filter(pk=record.pk).update(destruction_due_at=record.retired_at)
        record.refresh_from_db()
        with pytest.raises(KekRefused, match="still holds KEK"):
            kek_life.destroy_kek(record, OPERATOR)

        (both_keys / "keys" / "primary.pem").unlink()
        assert comes_true(lambda: len(service.client().kek_ids()) == 1)

        assert [path.name for path in kek_life.destroy_kek(record, OPERATOR)] == ["primary.pem"]
        assert read(document, as_alice) == b"a payslip"


def test_a_private_key_is_not_made_beside_a_key_service(settings: Settings, tmp_path: Path, service: Service) -> None:
    use(settings, tmp_path / "public", service)

    with pytest.raises(CommandError, match="make the KEK there"):
        call_command("create_kek")
    assert [path.name for path in (tmp_path / "public" / "older").iterdir()] == ["new.pub.pem"]
