"""``python -m benchmarks.serve MODULE:NAME``: a WSGI application on PORT, under exactly the vault's server settings."""

import sys
from importlib import import_module

from vault.listening import DEFAULT_HOST, listening_port
from vault.web_server import serve

if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    serve(getattr(import_module(module), name), host=DEFAULT_HOST, port=listening_port())
