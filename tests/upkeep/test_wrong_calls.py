"""Options that would be ignored, or mean something else than they seem to, are refused before anything is done."""

import pytest

from documents.conf import KeySources
from documents.models import KekRecord
from tests.upkeep.test_commands import refused

pytestmark = pytest.mark.django_db(transaction=True)

IGNORED = [
    ("rotate_keys", "--resume", "--to", "00", "--recovery", "01"),
    ("rotate_keys", "--resume", "7", "--repair"),
    ("rotate_keys", "--resume", "--dry-run"),
    ("rotate_keys", "--cancel", "--to", ""),
    ("rotate_keys", "--cancel", "--dry-run"),
    ("verify_documents", "--resume", "--deep"),
    ("verify_documents", "--resume", "7", "--rate", "20M"),
    ("verify_documents", "--cancel", "--store", "local"),
]


@pytest.mark.parametrize("call", IGNORED, ids=" ".join)
def test_a_run_that_had_begun_takes_no_other_wishes(call: tuple[str, ...], keys: KeySources) -> None:
    message, status = refused(*call)
    assert (status, "a run keeps what it was begun with" in message) == (2, True), message
    assert all(option in message for option in call if option.startswith("--"))
    assert not KekRecord.objects.exists()


@pytest.mark.parametrize("name", ["rotate_keys", "verify_documents"])
def test_without_other_wishes_a_run_goes_on(name: str, keys: KeySources) -> None:
    assert refused(name, "--resume") == ("There is no run to go on with.", 2)


def test_a_repair_is_not_counted_as_if_it_were_a_rotation(keys: KeySources) -> None:
    message, status = refused("rotate_keys", "--repair", "--dry-run")
    assert (status, "Leave out --dry-run" in message) == (2, True)
