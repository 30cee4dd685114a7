"""``create_kek``: make a KEK that opens and does not seal yet, or a recovery KEK."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.encryption.kek import MAX_BITS, MIN_BITS
from documents.encryption.keyring import WRAP_TYPES
from documents.errors import ConfigurationError, KeyRingError
from documents.management.arguments import USAGE, directory
from documents.management.database import database_told
from documents.management.upkeep import OPERATOR
from documents.models import KekRecord
from documents.services import kek_life
from documents.services.kek_standing import file_of


class Command(BaseCommand):
    """Exit status 0, 1 where a key cannot be written or read, 2 for a wrong call."""

    help = (
        "Make a new KEK. Every process of the vault can open with it at once, none seals with it: `rotate_keys --to` "
        "makes it primary. With --recovery make a recovery KEK, whose private half is written to --recovery-dir and "
        "belongs off this machine."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bits", type=int, default=MIN_BITS, help=f"of the RSA key: {MIN_BITS} to {MAX_BITS}")
        parser.add_argument(
            "--wrap",
            choices=WRAP_TYPES,
            default="rsa-oaep",
            help="rsa-oaep-ml-kem-768 withstands a quantum computer too; primary and recovery KEK are of one wrap",
        )
        parser.add_argument("--recovery", action="store_true", help="a recovery KEK; needs --recovery-dir")
        parser.add_argument("--recovery-dir", type=directory, metavar="DIR", help="where its private half is written")

    def handle(self, *_args: Any, **options: Any) -> None:
        bits, recovery_dir, wrap = options["bits"], options["recovery_dir"], options["wrap"]
        if not MIN_BITS <= bits <= MAX_BITS or bits % 8:
            raise CommandError(f"--bits is {MIN_BITS} to {MAX_BITS}, in whole bytes, not {bits}.", returncode=USAGE)
        if options["recovery"] != (recovery_dir is not None):
            raise CommandError("--recovery and --recovery-dir go together.", returncode=USAGE)
        try:
            record, private = _made(recovery_dir, bits=bits, wrap=wrap)
        except OSError as error:
            raise CommandError(f"The key cannot be written: {error}.", returncode=1) from error
        except (ConfigurationError, KeyRingError) as error:
            raise CommandError(str(error), returncode=1) from error
        self.stdout.write(record.kek_id)  # it is made: whatever follows, nobody has to make another
        try:
            for path in file_of(record.kek_id):
                self.stderr.write(f"Written: {path}")
        except KeyRingError as error:
            raise CommandError(str(error), returncode=1) from error
        if private is not None:
            self.stderr.write(f"Its private half: {private}. Move it off this machine, and keep it apart from backups.")
        argument = "--recovery" if private else "--to"
        self.stderr.write(
            "Back the key directory up, and give every process of the vault the new file. Then: manage.py rotate_keys "
            f"{argument} {record.kek_id[:16]}"
        )


def _made(recovery_dir: Path | None, *, bits: int, wrap: str) -> tuple[KekRecord, Path | None]:
    with database_told():
        KekRecord.objects.exists()  # before there is a key that no row and no audit event tells of
    with database_told("The key may be made already, as a file: then list_keks names it."):
        if recovery_dir is None:
            return kek_life.create_kek(OPERATOR, bits=bits, wrap=wrap), None
        return kek_life.create_recovery_kek(OPERATOR, recovery_dir, bits=bits, wrap=wrap)
