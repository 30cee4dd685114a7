"""Adopting with the private keys in an unwrap service that limits, or is killed in the middle."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents.encryption.envelope import EnvelopeIds, OpenEnvelope
from documents.models import AdoptedSource, Attachment, Document, SealedObject, StagedAttachment
from documents.services import patience
from documents.services.adopting import sealing
from documents.services.downloads import open_envelope
from documents.storage.base import ObjectReader, StorageProvider
from tests.adopting.older import Answer, adopt, counts_of, lay
from tests.keyservice.serving import Service, unwrap_service
from tests.keyservice.test_rotation import use

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 13


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSES", (0.05, 0.1))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    for number in range(COUNT):
        lay(tmp_path / "plain", f"{number:02}.bin", b"%d" % number)
    return tmp_path / "plain"


def adopt_plain(plain: Path, *arguments: object) -> Answer:
    return adopt(plain, "--plain", "--owner", "alice", *arguments)


def test_a_rate_limit_is_waited_for_and_fails_no_original(
    plain: Path, settings: Settings, tmp_path: Path, alice: User
) -> None:
    with unwrap_service(tmp_path / "service", VAULT_UNWRAP_RATE="10", VAULT_UNWRAP_BURST="2") as service:
        use(settings, tmp_path / "public", service)

        answer = adopt_plain(plain, "--workers", 4)

        assert (answer.status, counts_of(answer)) == (0, {"adopted": COUNT})
        assert "limited" in service.outcomes()


def test_a_service_that_dies_in_the_middle_ends_it_and_the_next_run_goes_on(
    plain: Path,
    settings: Settings,
    tmp_path: Path,
    alice: User,
    provider: StorageProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with unwrap_service(tmp_path / "service") as service:
        use(settings, tmp_path / "public", service)
        monkeypatch.setattr(sealing, "open_envelope", _killing(service, after=4))

        answer = adopt_plain(plain)

        assert answer.status == 1
        assert answer.said.startswith("Stopped, for the rest would fail alike: The key service at ")
        assert answer.told["causes"] == {"key-service-unavailable": 5}
        assert not StagedAttachment.objects.filter(state=StagedAttachment.State.RECEIVING).exists()
        assert Document.objects.count() == len(list(provider.iter_locations("documents/"))) == 4
    monkeypatch.undo()
    with unwrap_service(tmp_path / "service") as service:
        use(settings, tmp_path / "public", service)
        assert counts_of(adopt_plain(plain)) == {"adopted": COUNT - 4, "already-adopted": 4}


def test_a_touched_original_is_no_changed_one_because_the_service_is_away(
    plain: Path, settings: Settings, tmp_path: Path, alice: User
) -> None:
    """Its digest is sealed in the row: while nobody can open it, nothing is said about the original."""
    with unwrap_service(tmp_path / "service") as service:
        use(settings, tmp_path / "public", service)
        adopt_plain(plain, "--limit", 1)
        source = AdoptedSource.objects.get()
        path = Path(plain / source.key)
        path.write_bytes(path.read_bytes())
        service.kill()

        answer = adopt_plain(path.parent, "--limit", 1, "--dry-run")

        assert answer.told["causes"] == {"key-service-unavailable": 1}
        assert Attachment.objects.count() == 1


def _killing(service: Service, *, after: int) -> Callable[..., OpenEnvelope]:
    """Opens envelopes, and kills the service before it opens one more than so many."""
    opened: list[SealedObject] = []

    def opening(reader: ObjectReader, sealed: SealedObject, ids: EnvelopeIds) -> OpenEnvelope:
        if len(opened) == after:
            service.kill()
        opened.append(sealed)
        return open_envelope(reader, sealed, ids)

    return opening
