"""The settings that Django needs out of the environment, each read strictly: what is malformed is never a default.

Every function raises ConfigurationError with one line that names the variable and shows no password.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from documents.conf.reading import one_of, text
from documents.conf.secrets import secret
from documents.errors import ConfigurationError

Url = dict[str, Any]

DATABASES = ("sqlite", "postgresql", "postgres", "psql", "pgsql")
CACHES = ("locmemcache", "redis", "rediss", "rediscache", "dbcache", "filecache")
BROKERS = ("filesystem", "redis", "rediss", "sentinel", "memory", "amqp", "amqps")
MAIL = ("dummymail", "smtp", "smtp+tls", "smtp+ssl", "smtps", "consolemail", "filemail", "memorymail")
LOG_LEVELS = ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")
# These send mail to nobody, so a page that promises one would lie.
SILENT_MAIL = ("django.core.mail.backends.dummy.EmailBackend", "django.core.mail.backends.console.EmailBackend")


def secret_key(env: environ.Env) -> str:
    """Return SECRET_KEY. There is no default: who knows it can forge sessions."""
    if key := secret(env, "SECRET_KEY"):
        return key
    raise ConfigurationError("SECRET_KEY is missing. Set it to 50 random characters; `make run` writes one to .env.")


def older_secret_keys(env: environ.Env) -> list[str]:
    """Return SECRET_KEY_FALLBACKS: what they signed is still good."""
    return [key.strip() for key in secret(env, "SECRET_KEY_FALLBACKS").split(",") if key.strip()]


def listed(env: environ.Env, name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return what stands between the commas."""
    return [item.strip() for item in text(env, name).split(",") if item.strip()] or list(default)


def log_level(env: environ.Env) -> str:
    """Return LOG_LEVEL in capitals, INFO where it is not set."""
    return one_of(env, "LOG_LEVEL", LOG_LEVELS, fold=str.upper)


def database(env: environ.Env, name: str, default: str) -> Url:
    """Return an entry of Django's DATABASES. ``default`` is the URL where the variable is not set."""
    found = _url(env, name, default, DATABASES, environ.Env.db_url_config)
    if not found.get("NAME"):
        raise ConfigurationError(f"{name} names no database. Write postgresql://user:password@host:5432/vault.")
    return found


def cache(env: environ.Env, name: str, default: str) -> Url:
    """Return an entry of Django's CACHES. ``default`` is the URL where the variable is not set."""
    return _url(env, name, default, CACHES, environ.Env.cache_url_config)


def mail(env: environ.Env, name: str, default: str) -> Url:
    """Return Django's EMAIL_* settings."""
    found = _url(env, name, default, MAIL, environ.Env.email_url_config)
    if options := found.pop("OPTIONS", None):
        raise ConfigurationError(f"{name} has an unknown option, {', '.join(options)}. For TLS write smtp+tls://.")
    return found


def broker(env: environ.Env, name: str, default: str) -> str:
    """Return Celery's broker as a URL of a kind that is known here."""
    return str(_url(env, name, default, BROKERS, lambda url: {"url": url})["url"])


def _url(env: environ.Env, name: str, default: str, schemes: tuple[str, ...], read: Callable[[str], Url]) -> Url:
    url = secret(env, name) or default
    scheme, separator, _rest = url.partition("://")
    if scheme not in schemes or not separator:
        raise ConfigurationError(f"{name} is not an address of a kind known here: {', '.join(schemes)}, then ://.")
    try:
        parts = urlsplit(url)
        _port = parts.port
        if scheme == "sqlite" and parts.netloc:
            raise ConfigurationError(f"{name} has two slashes before the path. Write sqlite:////path, with four.")
        return read(url)
    except (ValueError, KeyError, ImproperlyConfigured) as error:
        raise ConfigurationError(f"{name} cannot be understood. {type(error).__name__}; see .env.example.") from error
