"""``s3_policy``: print the IAM policy, CORS and lifecycle configuration that this configuration's bucket needs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.conf import S3Config
from documents.management.arguments import chosen_store, origin
from documents.services.s3_policy import bucket_documents, origins_of_pages
from documents.wiring import vault_config

KINDS = ("policy", "cors", "lifecycle")


class Command(BaseCommand):
    """Without a kind all three are printed as one JSON object; with one, that document alone, ready for the store."""

    help = "Print the least-privilege IAM policy, the CORS and the lifecycle configuration of the bucket in S3_BUCKET."
    requires_system_checks: list[str] = []  # nothing is asked of keys or store

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", nargs="?", choices=KINDS, default=None)
        parser.add_argument("--store", default="s3", help="a store of the storage file; default: the one of S3_*")
        parser.add_argument(
            "--origin", dest="origins", type=origin, action="append", help="of the vault's pages; may be repeated"
        )
        parser.add_argument(
            "--versions", action="store_true", help="the bucket keeps versions, and the vault sees them"
        )

    def handle(
        self, *_args: Any, kind: str | None, store: str, origins: list[str] | None, versions: bool, **_options: Any
    ) -> None:
        config = vault_config().store(store if store == "s3" else chosen_store(store, vault_config().store_names()))
        if not isinstance(config, S3Config):
            raise CommandError(f"{store} is no bucket of S3. Set S3_BUCKET and the other S3_* variables.", returncode=2)
        documents = bucket_documents(config, origins=origins or origins_of_pages(), with_versions=versions)
        shown = {name: getattr(documents, name) for name in KINDS}
        self.stdout.write(json.dumps(shown[kind] if kind else shown, indent=2))
