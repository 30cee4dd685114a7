"""The drill of docs/recovery.md, run as it stands there."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.encryption.keys import ORIGIN_KEYS
from tests.keyring import write_keys
from tests.recovery.objects import RING, Shelf, write_key

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/recovery.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def vault(tmp_path: Path) -> dict[str, str]:
    """An installation with documents of two people, and the environment of the drill."""
    shelf = Shelf(tmp_path / "storage", replace(RING, origin_key=ORIGIN_KEYS["origin"]))
    for name, owner in (("first.pdf", "alice"), ("second.pdf", "alice"), ("third.pdf", "bob")):
        shelf.put(b"a document", filename=name, owner=owner)
    (tmp_path / "safe").mkdir()
    write_key(tmp_path / "safe", "recovery")
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "STORE": str(shelf.root),
        "SAFE": str(tmp_path / "safe"),
        "DRILL": str(tmp_path / "drill"),
        "VAULT_ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-tests-0123456789-0123456789-0123456789-0123456789",
        "DJANGO_SETTINGS_MODULE": "vault.settings",
        "VAULT_DATA_DIR": str(tmp_path / "data"),
        "LOCAL_STORAGE_PATH": str(shelf.root),
        "VAULT_KEYS_DIR": str(write_keys(tmp_path / "keys", seal_only=True)),
    }


def run(step: str, environment: dict[str, str]) -> str:
    script = f"set -euo pipefail\n{step}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_drill_runs_as_it_stands_in_the_page(vault: dict[str, str]) -> None:
    listing, recovering, resuming, rebuilding, clearing = STEPS
    assert run(listing, vault).count(".pdf by KEK") == 3
    assert run(recovering, vault).split()[-4:] == ["alice", "bob", "manifest.csv", "manifest.json"]
    assert sorted(path.name for path in Path(vault["DRILL"], "out").glob("*/*.pdf")) == [
        "first.pdf",
        "second.pdf",
        "third.pdf",
    ]
    run(resuming, vault)
    assert json.loads(run(rebuilding, vault))["counts"] == {"added": 3}
    run(clearing, vault)
    assert not Path(vault["DRILL"]).exists()


def test_the_drill_says_so_where_the_key_is_another(vault: dict[str, str]) -> None:
    safe = Path(vault["SAFE"])
    write_key(safe, "stranger").rename(safe / "recovery.pem")
    with pytest.raises(AssertionError, match="UnknownKey"):
        run(STEPS[0].replace('> "$DRILL/plan.txt"', ""), vault)


def test_every_option_that_the_page_names_is_there() -> None:
    """The script's and the command's, as they say themselves."""
    script = subprocess.run(
        [sys.executable, "-I", ROOT / "documents/recovery/recover.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    command = (ROOT / "documents/management/commands/recover.py").read_text()
    named = set(re.findall(r"(--[a-z][a-z-]+)", PAGE)) - OTHERS
    assert {"--only", "--passphrase-file", "--rebuild-database", "--vault-id"} <= named
    assert not [option for option in named if option not in script and f'"{option}"' not in command]


# Of pip, of Django and of other commands.
OTHERS = {
    *("--only-binary", "--dest", "--no-index", "--find-links", "--help", "--verbosity"),
    *("--purge-unknown", "--accept-older-database", "--reseal"),
}
