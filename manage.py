#!/usr/bin/env python
"""Django's command line for the vault."""

import os
import sys

from django.core.management import execute_from_command_line

# 128 and the number of the signal, as shells have it: SIGINT and SIGPIPE.
INTERRUPTED, PIPE_CLOSED = 130, 141


def main() -> None:
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
