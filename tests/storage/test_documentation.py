"""docs/storage.md: its table is the code's, and the provider it shows passes the published suite."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from documents.storage.base import StorageProvider
from documents.storage.capabilities import Multipart, Presigning
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import ConditionalCreateConformance
from documents.storage.local import LocalProvider
from documents.storage.overview import capability_table, has_capability

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()


def test_the_table_is_what_the_code_can(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("storage_capabilities")

    assert capsys.readouterr().out.strip() == capability_table()
    assert f"-->\n{capability_table()}\n<!-- end -->" in PAGE


def test_the_table_says_what_isinstance_says(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)
    for capability in (Multipart, Presigning):
        assert has_capability(LocalProvider, capability) == isinstance(provider, capability)


def shown_provider() -> StorageProvider:
    """The class of the page, run as it stands there."""
    [code] = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class DictProvider" in block]
    names: dict[str, Any] = {}
    exec(compile(code, "docs/storage.md", "exec"), names)  # noqa: S102  # our own page
    made: StorageProvider = names["DictProvider"]()
    return made


class TestTheProviderThatThePageShows(ProviderConformance, ConditionalCreateConformance):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return shown_provider()
