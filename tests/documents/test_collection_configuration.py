"""What the environment says about the collector."""

from datetime import timedelta

import environ
import pytest

from documents.conf.collection import CollectionConfig, collection_from
from documents.errors import ConfigurationError

HOUR = timedelta(hours=1)


def configured(**variables: str) -> CollectionConfig:
    env = environ.Env()
    env.ENVIRON = variables
    return collection_from(env)


def test_without_any_variable_it_is_patient() -> None:
    assert configured() == CollectionConfig(timedelta(minutes=2), 2000, 200, 24 * HOUR, 168 * HOUR)


def test_every_figure_can_be_set() -> None:
    figures = {"VAULT_COLLECT_INTERVAL": "60", "VAULT_COLLECT_MAX_SCANNED": "10", "VAULT_COLLECT_MAX_DELETED": "5"}
    waits = {"VAULT_COLLECT_GRACE": "3600", "VAULT_TRASH_RETENTION": "7200"}

    assert configured(**figures, **waits) == CollectionConfig(timedelta(minutes=1), 10, 5, HOUR, 2 * HOUR)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAULT_COLLECT_INTERVAL", "0"),
        ("VAULT_COLLECT_MAX_SCANNED", "many"),
        ("VAULT_COLLECT_MAX_DELETED", "-1"),
        ("VAULT_COLLECT_GRACE", "1 day"),
        ("VAULT_TRASH_RETENTION", "0"),
    ],
)
def test_a_malformed_value_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} is .*\.$"):
        configured(**{name: value})
