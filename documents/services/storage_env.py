"""The storage configuration as an environment for other processes: dotenv, Docker Compose, Kubernetes.

Secrets are left out unless they are asked for: what is printed ends up in files and terminals.
"""

import base64
import json
from collections.abc import Mapping
from enum import StrEnum

from documents.conf import VaultConfig

SECRETS = frozenset(("S3_SECRET_KEY",))
LEFT_OUT = "…"


class Shape(StrEnum):
    """What reads it."""

    DOTENV = "dotenv"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"


def storage_environment(config: VaultConfig, *, with_secrets: bool = False) -> dict[str, str]:
    """Return the variables that give another process the same stores. A secret that is left out is "…"."""
    variables = {"STORAGE_TYPE": config.storage_type, "LOCAL_STORAGE_PATH": str(config.local_storage_path)}
    if config.s3:
        variables |= {
            "S3_ACCESS_KEY": config.s3.access_key,
            "S3_SECRET_KEY": config.s3.secret_key,
            "S3_BUCKET": config.s3.bucket,
            "S3_REGION": config.s3.region,
            "S3_ENDPOINT_URL": config.s3.endpoint_url or "",
        }
    return {
        name: LEFT_OUT if name in SECRETS and not with_secrets else value for name, value in variables.items() if value
    }


def written(variables: Mapping[str, str], shape: Shape) -> str:
    """Return the variables as text of this shape, without a line end at its end."""
    if shape is Shape.DOTENV:
        return "\n".join(f"{name}={value}" for name, value in variables.items())
    if shape is Shape.COMPOSE:
        # JSON strings are YAML strings, whatever is in them. Compose takes $ for a variable.
        lines = (f"  {name}: {json.dumps(value.replace('$', '$$'))}" for name, value in variables.items())
        return "\n".join(["environment:", *lines])
    return json.dumps(_kubernetes(variables), indent=2)


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
