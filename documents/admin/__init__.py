"""The admin site: metadata for staff, by permission. No plaintext, no keys, and no way around the services."""

from documents.admin import accounts, adoption, audit, documents, hcp, keys, links, people, staging, tokens, upkeep

__all__ = [
    "accounts",
    "adoption",
    "audit",
    "documents",
    "hcp",
    "keys",
    "links",
    "people",
    "staging",
    "tokens",
    "upkeep",
]
