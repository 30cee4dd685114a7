"""Documents that are read in place move between stores as they are, and are sealed anew wherever they are then."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.legacy import LegacyConfig
from documents.models import Attachment
from documents.storage.base import StorageProvider
from migrations_tools import control
from migrations_tools.models import MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.runner import work_on
from migrations_tools.states import RunKind
from tests.adopting.older import CONTENT, adopt, content_of, counts_of, older_key_of, only_attachment, put_envelope
from tests.legacy.making import pem_of_older
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, outcomes, run_to


@pytest.fixture
def in_place(stores: Stores, settings: Settings, here: StorageProvider, alice: User) -> Iterator[Attachment]:
    settings.VAULT = replace(settings.VAULT, legacy=LegacyConfig(key_pem=pem_of_older()))
    wiring.reset()
    wiring.store_itself(stores.there)
    put_envelope(wiring.store_itself(stores.here), older_key_of(alice))
    assert counts_of(adopt(stores.here, "--in-place")) == {"registered": 1}
    yield only_attachment()
    wiring.reset()


def test_it_moves_as_it_is_and_back(stores: Stores, in_place: Attachment) -> None:
    original = wiring.store_itself(stores.here).get(in_place.storage_path)

    assert outcomes(run_to(stores.there)) == {"done": 1}
    assert is_whole(in_place)
    assert (in_place.storage_type, in_place.is_in_place) == (stores.there, True)
    assert wiring.store_itself(stores.there).get(in_place.storage_path) == original
    assert wiring.store_itself(stores.here).get(in_place.storage_path) == original
    assert content_of(in_place) == CONTENT
    assert outcomes(run_to(stores.there, kind=RunKind.VERIFY)) == {"done": 1}
    assert outcomes(run_to(stores.here)) == {"done": 1}
    assert content_of(only_attachment()) == CONTENT


def test_it_is_sealed_anew_where_it_is_by_then(stores: Stores, in_place: Attachment) -> None:
    run_to(stores.there)
    run_to(stores.there, kind=RunKind.PURGE)
    assert not wiring.store_itself(stores.here).exists(in_place.storage_path), "who purges sources says so"

    assert counts_of(adopt("--reseal")) == {"resealed": 1}

    now = only_attachment()
    assert (now.is_in_place, content_of(now)) == (False, CONTENT)
    assert wiring.store_itself(stores.there).exists(in_place.storage_path)


def test_a_run_that_was_planned_before_it_was_sealed_anew_takes_nothing(stores: Stores, in_place: Attachment) -> None:
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    adopt("--reseal")
    work_on(run.pk)

    assert outcomes(run) == {"skipped:moved-elsewhere": 1}
    assert content_of(only_attachment()) == CONTENT
    assert outcomes(run_to(stores.there)) == {"done": 1}
    assert content_of(only_attachment()) == CONTENT
