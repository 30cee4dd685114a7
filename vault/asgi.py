"""The door for ASGI servers. WSGI is the one to use: under ASGI a streamed download is buffered whole."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")

application = get_asgi_application()
