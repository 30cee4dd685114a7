"""The storage configuration as an environment for other processes: dotenv, Docker Compose, Kubernetes.

Secrets are left out unless they are asked for: what is printed ends up in files and terminals.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum

from documents.conf import AzureConfig, GcsConfig, HcpConfig, S3Config, VaultConfig
from documents.errors import ConfigurationError

LEFT_OUT = "…"
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+=-]*")


# What a configuration does not show of itself.
SECRETS = frozenset(
    f"{name}_{part.name}".upper()
    for name, kind in (("s3", S3Config), ("hcp", HcpConfig), ("gcs", GcsConfig), ("azure", AzureConfig))
    for part in fields(kind)
    if not part.repr
)


class Shape(StrEnum):
    """What reads it."""

    DOTENV = "dotenv"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"


def storage_environment(config: VaultConfig, *, with_secrets: bool = False) -> dict[str, str]:
    """Return the variables that give another process the same stores. A secret that is left out is "…".

    The storage file goes by its path: the other process needs a copy of it, and what its ``_file`` and ``_env`` name.
    """
    variables = {
        "STORAGE_TYPE": config.storage_type,
        "LOCAL_STORAGE_PATH": str(config.local_storage_path),
        "STORAGE_TIMEOUT": f"{config.storage_timeout.total_seconds():.0f}",
        "VAULT_STORAGE_FILE": str(config.storage_file.path or ""),
    }
    for name in ("s3", "hcp", "gcs", "azure"):
        variables |= _variables_of(name, getattr(config, name))
    return {
        name: LEFT_OUT if name in SECRETS and not with_secrets else value for name, value in variables.items() if value
    }


def _variables_of(name: str, store: S3Config | HcpConfig | GcsConfig | AzureConfig | None) -> dict[str, str]:
    """The fields of a store's configuration are called as its variables are."""
    if store is None:
        return {}
    found = {f"{name}_{part.name}".upper(): str(getattr(store, part.name) or "") for part in fields(store)}
    if isinstance(store, S3Config) and not store.access_key:
        found["S3_CREDENTIALS"] = "chain"
    return found


def written(variables: Mapping[str, str], shape: Shape) -> str:
    """Return the variables as text of this shape, without a line end at its end.

    Raises ConfigurationError naming a variable with a line break in it, which a dotenv file cannot hold.
    """
    if shape is Shape.DOTENV:
        return "\n".join(line for name, value in variables.items() for line in _dotenv_lines(name, value))
    if shape is Shape.COMPOSE:
        # JSON strings are YAML strings, whatever is in them. Compose takes $ for a variable.
        lines = (f"  {name}: {json.dumps(value.replace('$', '$$'))}" for name, value in variables.items())
        return "\n".join(["environment:", *lines])
    return json.dumps(_kubernetes(variables), indent=2)


def _dotenv_lines(name: str, value: str) -> list[str]:
    """A value in quotes, where it needs any, as the vault's own reader (django-environ) takes them, and Compose too.

    Both take what stands in single quotes as it is, but for three things: a single quote, which only Compose escapes; a
    backslash at the end, which there escapes the quote; and double quotes around all of it, which environ takes off as
    well. In double quotes both take a backslash before a quote or a backslash (Docker's documentation, "Syntax for
    environment files in Docker Compose"); before a dollar only environ is known to.
    """
    if _PLAIN.fullmatch(value) or value == LEFT_OUT:
        return [f"{name}={value}"]
    if len(value.splitlines()) != 1 or value != value.splitlines()[0]:
        raise ConfigurationError(f"{name} has a line break in it, which a dotenv file cannot hold: use another format.")
    if "'" not in value and not value.endswith("\\") and not (value[0] == value[-1] == '"'):
        return [f"{name}='{value}'"]
    escaped = re.sub(r'([\\"$])', r"\\\1", value)
    told = (
        [f"# {name} is written for the vault; Docker Compose may take it for something else."] if "$" in value else []
    )
    return [*told, f'{name}="{escaped}"']


def _kubernetes(variables: Mapping[str, str]) -> dict[str, object]:
    """A list of a ConfigMap and, where there are secrets, a Secret; JSON is what kubectl takes as well."""
    plain = {name: value for name, value in variables.items() if name not in SECRETS}
    secret = {name: base64.b64encode(value.encode()).decode() for name, value in variables.items() if name in SECRETS}
    items: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vault-storage"}, "data": plain}
    ]
    if secret:
        items.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-storage"}, "data": secret})
    return {"apiVersion": "v1", "kind": "List", "items": items}
