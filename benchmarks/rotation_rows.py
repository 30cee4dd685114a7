"""``python -m benchmarks.rotation_rows``: a vault of a thousand documents, rotated between two KEKs when asked.

For each line of stdin it answers with documents for each second of processor time. A process of its own, because
Django's settings are read once.
"""

import sys
from pathlib import Path
from time import process_time

import django

DOCUMENTS = 1000


def main() -> int:
    django.setup()
    vault = _Vault()
    for _line in sys.stdin:
        print(vault.rotate(), flush=True)
    return 0


class _Vault:
    def __init__(self) -> None:
        from django.contrib.auth.models import User  # noqa: PLC0415  # models exist after django.setup()

        from documents import keymaking  # noqa: PLC0415
        from documents.services.object_storage import ObjectStorageService  # noqa: PLC0415
        from documents.wiring import vault_config  # noqa: PLC0415

        keys = vault_config().keys
        keymaking.make_missing_keys(keys, Path(keys.directory) / "recovery")
        keymaking.add_kek(keys)
        service = ObjectStorageService(User.objects.create(username="bench"))
        for number in range(DOCUMENTS):
            service.store([b"document %d" % number], filename="a.txt", content_type="text/plain")

    def rotate(self) -> float:
        """Make the KEK that waits the primary, and rewrap every document for it."""
        from documents.key_rings import key_ring  # noqa: PLC0415
        from documents.services.actors import SYSTEM  # noqa: PLC0415
        from documents.services.kek_life import make_primary  # noqa: PLC0415
        from documents.upkeep.rewrap import begin_rewrapping  # noqa: PLC0415
        from documents.upkeep.worker import work_on  # noqa: PLC0415

        ring = key_ring()
        make_primary(ring.older[0], ring.recovery, SYSTEM)
        key_ring()  # loading a private key takes as long as a hundred documents, once for a whole rotation
        started = process_time()
        run = begin_rewrapping(SYSTEM)
        work_on(run.pk)
        cost = process_time() - started
        run.refresh_from_db()
        assert (run.state, run.total) == ("succeeded", DOCUMENTS)
        return DOCUMENTS / cost


if __name__ == "__main__":
    sys.exit(main())
