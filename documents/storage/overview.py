"""Which provider has which capability: read off the classes, for the documentation and for whoever chooses a store."""

from documents.storage.forwarding import CAPABILITIES
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider
from documents.storage.s3 import S3Provider

PROVIDERS: dict[str, type] = {"local": LocalProvider, "s3": S3Provider, "memory": MemoryProvider}


def has_capability(provider: type, capability: type) -> bool:
    """Whether a provider of this class has every member that the protocol ``capability`` names."""
    return all(hasattr(provider, name) for name in vars(capability) if not name.startswith("_"))


def capability_table() -> str:
    """Return a Markdown table: a row for each capability, a column for each provider."""
    rows = [
        ["capability", *PROVIDERS],
        ["---"] * (len(PROVIDERS) + 1),
        *(
            [
                capability.__name__,
                *("yes" if has_capability(provider, capability) else "" for provider in PROVIDERS.values()),
            ]
            for capability in CAPABILITIES
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
