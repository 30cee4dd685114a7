"""Sealing anew is a success only where it is true: a wrong call, machines with older key files, uploads in flight."""

from uuid import uuid4

import pytest

from documents.models import UpkeepRun
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of
from tests.upkeep.test_commands import refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


@pytest.mark.parametrize("empty", ["", " ", "sha256:"])
@pytest.mark.parametrize(("option", "why"), [("--kek", "No KEK has an id"), ("--document", "There is no document")])
def test_an_option_that_a_shell_left_empty_seals_nothing_anew(option: str, why: str, empty: str, store: Store) -> None:
    document = store()
    before = attachment_of(document).storage_path

    message, status = refused("reseal_documents", option, empty, "--inline")

    assert (status, message.startswith(why)) == (2, True), message
    assert attachment_of(document).storage_path == before
    assert not UpkeepRun.objects.exists()


def test_a_document_that_is_not_there_is_refused() -> None:
    gone = str(uuid4())
    assert refused("reseal_documents", "--document", gone) == (f"There is no document '{gone}'.", 2)
