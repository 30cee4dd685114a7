"""Which provider has which capability: read off the classes, for the documentation and for whoever chooses a store."""

from importlib import import_module

from documents.storage.forwarding import CAPABILITIES

# By name: the libraries of some are extras, and a provider whose library is not installed is left out.
PROVIDERS = {
    "local": "documents.storage.local.LocalProvider",
    "s3": "documents.storage.s3.S3Provider",
    "hcp": "documents.storage.hcp.HcpProvider",
    "gcs": "documents.storage.gcs.GcsProvider",
    "azure": "documents.storage.azure.AzureProvider",
    "memory": "documents.storage.memory.MemoryProvider",
}


def has_capability(provider: type, capability: type) -> bool:
    """Whether a provider of this class has every member that the protocol ``capability`` names; None is none."""
    return all(getattr(provider, name, None) is not None for name in vars(capability) if not name.startswith("_"))


def provider_classes() -> dict[str, type]:
    """Return the classes of the providers whose libraries are installed, by the name that rows keep."""
    found = {}
    for name, place in PROVIDERS.items():
        module, _, class_name = place.rpartition(".")
        try:
            found[name] = getattr(import_module(module), class_name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("documents"):
                raise
    return found


def capability_table() -> str:
    """Return a Markdown table: a row for each capability, a column for each provider."""
    providers = provider_classes()
    rows = [["capability", *providers], ["---"] * (len(providers) + 1)]
    for capability in CAPABILITIES:
        claims = ("yes" if has_capability(provider, capability) else "" for provider in providers.values())
        rows.append([capability.__name__, *claims])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
