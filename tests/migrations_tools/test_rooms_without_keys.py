"""No module that moves, counts or tells of objects comes near a key: each is under the contract, or named here."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "migrations_tools"
CONTRACT = "Moving ciphertext needs no key"
# The two that sign and check reports, and those that ask them.
MAY_REACH_THE_KEY = ("reports.keeping", "reports.checking", "tasks", "admin", "management")


def contract() -> dict[str, list[str]]:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(rule for rule in rules if rule["name"] == CONTRACT)


def is_in(module: str, packages: "list[str] | tuple[str, ...]") -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_each_module_is_under_the_contract_or_named_here() -> None:
    kept_away = [name.removeprefix("migrations_tools.") for name in contract()["source_modules"]]
    files = [path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py") if path.stem != "__init__"]
    modules = {".".join(path.parts) for path in files}

    assert len(modules) > 30
    assert {module for module in modules if is_in(module, kept_away) == is_in(module, MAY_REACH_THE_KEY)} == set()
    assert contract()["forbidden_modules"] == ["documents.encryption"]


def test_a_package_of_rooms_imports_nothing_itself() -> None:
    """A package is no module of its own to the contract: what its ``__init__`` imported would go unseen."""
    for package in (PACKAGE, PACKAGE / "reports"):
        tree = ast.parse((package / "__init__.py").read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
