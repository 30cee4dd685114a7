"""``python -m documents.keyservice``: the unwrap service, which holds the private keys in place of the vault.

serve         (default) listen and unwrap, until SIGTERM or SIGINT; SIGHUP opens the audit file anew
create-kek    make a KEK in VAULT_KEYS_DIR, and print the PEM of its public half, for the vault's key directory
"""

import argparse
import ctypes
import logging
import os
import resource
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import environ
import structlog

from documents import keymaking
from documents.conf.addresses import UnixAddress
from documents.conf.keys import keys_from
from documents.conf.reading import text
from documents.conf.unwrap_service import UnwrapServiceConfig, unwrap_service_from
from documents.encryption.keyring import WRAP_TYPES
from documents.errors import ConfigurationError, VaultError
from documents.keyservice.answering import Unwrapping
from documents.keyservice.audit import AuditFile
from documents.keyservice.held_keys import HeldKeys
from documents.keyservice.limits import RateLimits
from documents.keyservice.listening import listener
from documents.keyservice.serving import Serving
from documents.keysources import OLDER

log = structlog.get_logger("documents.keyservice")

_PR_SET_DUMPABLE = 4  # prctl(2)


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0, or 1 with one line on stderr for what cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m documents.keyservice", description="The unwrap service.")
    parser.add_argument("command", choices=("serve", "create-kek"), nargs="?", default="serve")
    parser.add_argument("--wrap", choices=WRAP_TYPES, default="rsa-oaep", help="of create-kek")
    options = parser.parse_args(arguments)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    env, here = environ.FileAwareEnv(), Path.cwd()
    try:
        _keep_memory_private()
        if options.command == "create-kek":
            _create_kek(env, here, options.wrap)
        else:
            _serve(unwrap_service_from(env, here, own_user=os.getuid()))
    except (VaultError, OSError) as error:
        sys.stderr.write(f"document-vault: {' '.join(str(error).split())}\n")
        return 1
    return 0


def _create_kek(env: environ.Env, here: Path, wrap: str) -> None:
    if not text(env, "VAULT_KEYS_DIR"):
        raise ConfigurationError(
            "VAULT_KEYS_DIR is missing. Make the KEK in the environment of the service, with its passphrase "
            "(docs/key-services.md)."
        )
    keys = keys_from(env, here)
    kek = keymaking.add_kek(keys, wrap=wrap)
    [file] = (keys.directory / OLDER).glob(f"{kek.kek_id.hex()[:16]}.pem")
    encrypted = "encrypted with VAULT_KEK_PASSPHRASE" if keys.passphrase else "NOT encrypted: there is no passphrase"
    sys.stderr.write(f"KEK {kek.kek_id.hex()} is in {file}, {encrypted}. Back up that file, apart from the data.\n")
    sys.stdout.write(kek.public_pem().decode())


def _serve(config: UnwrapServiceConfig) -> None:
    with ExitStack() as at_the_end:
        keys = HeldKeys(config.keys)
        audit = AuditFile(config.audit, synced=config.audit_synced)
        at_the_end.callback(audit.close)
        place = listener(config)
        at_the_end.callback(place.close)
        unwrapping = Unwrapping(keys, audit, _limits(config), _limits(config))
        at_the_end.callback(unwrapping.flush, all_of_it=True)
        # Not in the middle of that: who reopens the audit file waits for the lock of who writes to it.
        at_the_end.callback(signal.signal, signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        signal.signal(signal.SIGHUP, lambda _number, _frame: _reopen(audit))
        if isinstance(config.address, UnixAddress) and os.getuid() in config.users:
            log.warning("answers_its_own_user", hint="For development: VAULT_UNWRAP_USERS names the vault's user.")
        log.info("listening", address=str(config.address), keks=[kek_id.hex()[:16] for kek_id in keys.kek_ids()])
        serving = Serving(place, unwrapping, connections=config.connections, timeout=config.timeout, idle=config.idle)
        serving.serve()


def _limits(config: UnwrapServiceConfig) -> RateLimits:
    return RateLimits(rate=config.rate, burst=config.burst)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _reopen(audit: AuditFile) -> None:
    """Called in the main thread, which writes no lines itself: it can wait for the lock of those who do."""
    try:
        audit.reopen()
    except (ConfigurationError, OSError) as error:
        log.error("audit_not_reopened", error=str(error))  # noqa: TRY400  # it goes on in the old file


def _keep_memory_private() -> None:
    """No core dump, and no other process of the same user that reads this one's memory. Raises OSError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise OSError(f"The memory of this process cannot be kept from others: PR_SET_DUMPABLE is refused ({reason}).")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
