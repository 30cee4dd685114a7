"""Write the vector files: ``python -m documents.encryption.vectors.generate [FOLDER]``. The same in every run."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from documents.encryption.vectors import body, hybrid, keyblock, meta, outside, prefix_core, success
from documents.encryption.vectors.case import Vector

FILES: dict[str, Callable[[], Iterable[Vector]]] = {
    "success.json": success.cases,
    "prefix.json": prefix_core.prefix_cases,
    "core.json": prefix_core.core_cases,
    "meta.json": meta.cases,
    "keyblock.json": keyblock.cases,
    "hybrid.json": hybrid.cases,
    "outside.json": outside.cases,
    "body.json": body.cases,
}


def generate(folder: Path) -> None:
    """Write every file into ``folder``."""
    for name, cases in FILES.items():
        vectors = [vector.as_json() for vector in cases()]
        (folder / name).write_text(json.dumps(vectors, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
