"""The Celery application. Tasks live in each app's ``tasks.py`` and take ids, nothing else."""

import logging.config
import os

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vault.settings")

app = Celery("vault")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**_kwargs: object) -> None:
    """Workers log as the web processes do: one format, one place (``settings.LOGGING``)."""
    logging.config.dictConfig(settings.LOGGING)
