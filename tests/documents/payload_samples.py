"""What the tests of payloads share: values of every kind, a large one, and a look into the store."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from hypothesis import strategies as st

from documents.services.payload_values import JSON, LARGEST_INTEGER, PAYLOAD
from documents.storage.base import StorageProvider

APP = "reports"
LARGE = {"title": "Report", "body": "x" * 5000, "pages": 3}
# Names and texts that look like what the vault itself writes.
HOSTILE = st.sampled_from(
    [
        PAYLOAD,
        "$vault:bytes",
        "$vault:text",
        "$vault:number",
        "$vault:name:AA==",
        "$vault:",
        "$$vault:payload",
        "$",
        "\0",
    ]
)
TEXTS = st.text(max_size=20) | HOSTILE
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.binary(max_size=30)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)


def typed(value: Any) -> Any:
    """The value with the type beside each part: 1, 1.0 and True are three things, and so are 0.0 and -0.0."""
    if isinstance(value, dict):
        return {name: typed(member) for name, member in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), repr(value)


def nested(depth: int, kind: Callable[[Any], Any] = lambda inner: [inner]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = kind(value)
    return value


def reference_in(value: JSON) -> dict[str, Any]:
    """What stands for the body of LARGE."""
    found: dict[str, Any] = value["body"][PAYLOAD]
    return found


def payload_objects(provider: StorageProvider, owner: User) -> set[str]:
    """The keys of one owner's payloads: tests on S3 share a bucket."""
    return {info.key for info in provider.iter_locations(f"payloads/user_{owner.pk}/")}
