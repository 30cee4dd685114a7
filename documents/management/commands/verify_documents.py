"""``verify_documents``: read everything that is stored, and tell exactly what is wrong."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from documents.errors import ConfigurationError, KeyRingError
from documents.management.arguments import chosen_store, rate
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR, add_run_options, conduct, refuse_beside_resume, told
from documents.models import UpkeepRun
from documents.upkeep.errors import RunRefused
from documents.upkeep.verify import begin_verifying
from documents.wiring import vault_config


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where something was found, 2 for a wrong call, 130 interrupted."""

    help = (
        "Compare every object with the SHA-256 of its row, and look for objects that no row needs. No key is needed; "
        "with --deep every chunk is opened as well. Nothing is changed."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_run_options(parser)
        parser.add_argument("--deep", action="store_true", help="open every chunk too; needs the private key")
        parser.add_argument("--store", metavar="ALIAS", help="only what is in this store: local, s3 …")
        parser.add_argument("--rate", type=rate, default=0, metavar="RATE", help="bytes a second over all workers: 20M")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        refuse_beside_resume(options, "deep", "store", "rate")
        if options["store"] is not None:
            chosen_store(options["store"], vault_config().store_names())

        def begin() -> UpkeepRun:
            return begin_verifying(
                OPERATOR,
                deep=options["deep"],
                rate=options["rate"],
                store=options["store"],
                workers=options["workers"],
            )

        try:
            conduct(UpkeepRun.Kind.VERIFY, begin, options, self, "verify_documents")
        except (ConfigurationError, KeyRingError, RunRefused) as error:
            raise told(error) from error
