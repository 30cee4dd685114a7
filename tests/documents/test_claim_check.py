"""The claim check of docs/payloads.md, as it stands there, through a real Celery task."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import shared_task
from django.contrib.auth.models import User

from documents.errors import PayloadReferenceInvalid
from documents.models import Payload
from documents.services.payloads import dehydrate, hydrate, release
from documents.storage.base import StorageProvider
from tests.documents.payload_samples import payload_objects
from vault.celery import app

FIGURES = {"salaries": [{"name": "canary", "euro": 1234.5}] * 100}


@pytest.fixture
def claim_check() -> Iterator[dict[str, Any]]:
    """The names that the example in the page defines, and the reports that it wrote."""
    page = (Path(__file__).parents[2] / "docs" / "payloads.md").read_text()
    (example,) = re.findall(r"```python\n(def order_report.*?)```", page, re.DOTALL)
    reports: list[Any] = []
    names: dict[str, Any] = {
        "__name__": "reports",
        "User": User,
        "PayloadReferenceInvalid": PayloadReferenceInvalid,
        "dehydrate": dehydrate,
        "hydrate": hydrate,
        "release": release,
        "reports": reports,
        "shared_task": shared_task,
        "timedelta": timedelta,
        "write_report": reports.append,
    }
    exec(example, names)  # noqa: S102  # our own page
    yield names
    del app.tasks["reports.make_report"]


def test_the_task_gets_the_value_once_and_leaves_nothing(
    claim_check: dict[str, Any], alice: User, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, ...]] = []
    task = claim_check["make_report"]
    with monkeypatch.context() as patch:
        patch.setattr(type(task._get_current_object()), "delay", lambda _self, *message: sent.append(message))
        claim_check["order_report"](FIGURES, alice)
    assert "canary" not in str(sent), "the broker sees none of it"
    assert Payload.objects.count() == 1

    for _ in range(2):
        task.delay(*sent[0])

    assert claim_check["reports"] == [FIGURES]
    assert not Payload.objects.exists()
    assert not payload_objects(provider, alice)
