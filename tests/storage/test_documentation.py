"""docs/storage.md: its table is the code's, and the provider it shows passes the published suite."""

import re
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.management import call_command

from documents.conf import from_environment
from documents.errors import ConfigurationError
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


def test_the_storage_file_that_the_page_shows_is_read(tmp_path: Path) -> None:
    [shown] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "secret").touch(mode=0o600)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "storage.toml").write_text(shown.replace("/run/secrets/archive", str(tmp_path / "secret")))
    env = environ.FileAwareEnv()
    env.ENVIRON = {"VAULT_STORAGE_FILE": "storage.toml"}
    with pytest.raises(ConfigurationError, match=r"stores\.both\.stores names 's3', which is not configured"):
        from_environment(env, tmp_path)
    env.ENVIRON |= {"S3_BUCKET": "bucket", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s", "S3_REGION": "eu-central-1"}

    config = from_environment(env, tmp_path)

    assert config.store_names() == ("local", "s3", "archive", "disk", "both")
    assert [policy.name for policy in config.storage_file.policies] == ["payslips"]


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
