"""Every published vector through the browser's reader, in one Node process."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from documents.encryption import vectors
from documents.encryption.vectors.generate import FILES

FOLDER = Path(vectors.__path__[0])
READER = FOLDER.parents[1] / "static" / "documents" / "envelope.js"
ASKED = ("error", "metadata", "released")
NOTHING = {"size": 0, "sha256": hashlib.sha256().hexdigest()}


def test_javascript_reads_every_vector_as_it_says() -> None:
    script = Path(__file__).with_name("read_vectors.mjs")
    ran = subprocess.run(["node", script, READER, FOLDER], capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
    read = {result["name"]: result for result in map(json.loads, ran.stdout.splitlines())}
    expected = [vector for name in FILES for vector in json.loads((FOLDER / name).read_text())]
    assert len(read) == len(expected) > 60
    for vector in expected:
        result = read[vector["name"]]
        assert {name: result[name] for name in ASKED} == asked_of_type_1(vector), vector["name"]


def asked_of_type_1(vector: dict[str, Any]) -> dict[str, Any]:
    """What a reader answers that does not implement stanza type 2 (FORMAT.md §12)."""
    if answer := vector.get("without_type_2"):
        return {"error": answer, "metadata": None, "released": NOTHING}
    return {name: vector[name] for name in ASKED}
