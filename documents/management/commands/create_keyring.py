"""``create_keyring``: make the keys of a new vault, or those of them that are missing."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.conf import KeySources
from documents.errors import ConfigurationError, KeyRingError
from documents.keymaking import RECOVERY_PRIVATE, make_missing_keys
from documents.keysources import DESIGNATION, kek_files, load_key_ring, read_designation
from documents.management.arguments import directory
from documents.wiring import vault_config


class Command(BaseCommand):
    """Safe to repeat: CommandError where nothing is missing, and no key is ever overwritten."""

    help = (
        "Make the primary KEK, the recovery KEK and the origin key of a new vault, each where it is missing. No key is "
        "ever overwritten. With VAULT_KEK_PASSPHRASE set, the server's private keys are encrypted with it."
    )
    requires_system_checks: list[str] = []  # the checks ask for the keys that this makes

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--recovery-dir", type=directory, required=True, help="where the recovery private key goes")
        parser.add_argument("--bits", type=int, choices=[3072, 4096], default=3072)

    def handle(self, *_args: Any, recovery_dir: Path, bits: int, **_options: Any) -> None:
        keys = vault_config().keys
        try:
            made = make_missing_keys(keys, recovery_dir, bits=bits)
        except KeyRingError as error:
            raise CommandError(f"{recovery_dir / RECOVERY_PRIVATE}: {error}") from error
        except ConfigurationError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be written: {error.strerror}.") from error
        if not made:
            raise CommandError(_why_none(keys))
        self.stdout.write(f"Made: {', '.join(str(path) for path in made)}. Back them up, apart from the data.")
        if (recovery_dir / RECOVERY_PRIVATE).exists():
            self.stdout.write(
                f"Recovery private key: {recovery_dir / RECOVERY_PRIVATE}. It opens every document. "
                "Move it off this machine now, to a safe place, and delete it here."
            )


def _why_none(keys: KeySources) -> str:
    try:
        load_key_ring(keys)
    except (KeyRingError, ConfigurationError) as error:
        return f"{error} Nothing was made.{_how_to_begin_anew(keys)}"
    return f"All keys are in {keys.directory}. They are never overwritten: documents may depend on them."


def _how_to_begin_anew(keys: KeySources) -> str:
    """What to do where ring.json names KEKs that no file holds, and nothing else is the matter."""
    try:
        lost = set(read_designation(keys)) - set(kek_files(keys))
    except (KeyRingError, ConfigurationError):
        return ""
    path = keys.directory / DESIGNATION
    return f" Where those keys are lost for good, move {path} away: then what is missing is made." if lost else ""
