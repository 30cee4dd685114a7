"""What an operator's Prometheus reads of migrations: attempts at objects, by what came of them."""

from prometheus_client import Counter

ATTEMPTS = Counter(
    "vault_migration_attempts",
    'Attempts to copy, verify or purge an object, by the code of their failure, or "ok"',
    ("kind", "outcome"),
)


def count_attempt(kind: str, code: str = "ok") -> None:
    """Count an attempt of a run of this kind. One that was stopped, or turned out to be needless, is none."""
    ATTEMPTS.labels(kind=kind, outcome=code).inc()
