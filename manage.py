#!/usr/bin/env python
"""Django's command line for the vault."""

import os
import sys

from django.core.management import execute_from_command_line

# 128 and the number of the signal, as shells have it: SIGINT and SIGPIPE.
INTERRUPTED, PIPE_CLOSED = 130, 141


def open_closed_streams() -> None:
    """A stream that the shell closed (``<&-``) is read as empty, and what is written there is dropped.

    Python has None for it, and the next file that is opened would get its number.
    """
    for name, mode, flags in (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_WRONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))


def main() -> None:
    open_closed_streams()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")
    try:
        try:
            execute_from_command_line(sys.argv)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever reads has read enough; nothing is to be written at the end of the process either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


if __name__ == "__main__":
    main()
