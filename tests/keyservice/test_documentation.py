"""docs/key-services.md and deploy/ say what the code does."""

import re
from pathlib import Path

import pytest

from documents.keyservice import wire

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "key-services.md").read_text()


def test_the_codes_of_the_protocol_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| ([A-Z_]+) \| (\d) \|", PAGE, re.MULTILINE))

    assert told == {name: str(getattr(wire, name)) for name in told}
    assert len(told) == 8
    assert f"at most {wire.LARGEST_REQUEST:,}, an answer's at most {wire.LARGEST_ANSWER:,}" in PAGE


@pytest.mark.parametrize("name", ["docs/key-services.md", "deploy/vault-unwrap.env", "deploy/vault-unwrap.service"])
def test_every_variable_is_one_that_is_read(name: str) -> None:
    explained = (ROOT / ".env.example").read_text()
    text = (ROOT / name).read_text()
    named = {found.removesuffix("_FILE") for found in re.findall(r"\b(VAULT_[A-Z_]+[A-Z])\b", text)}

    assert {one for one in named if f"{one}=" not in explained} == set()
