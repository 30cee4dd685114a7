"""Which IP addresses HCP lets in and which it keeps out, by protocol: ``ipSettings`` of its management API.

Source of the rules: Hitachi Content Platform Tenant Management Help (MK-95HCPH002), "HCP management API reference",
data type ipSettings.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from documents.errors import StorageError

_HINT = "Write 192.0.2.7, 192.0.2.0/24, 192.0.2.0/255.255.255.0, or several with commas between them"


@dataclass(frozen=True, slots=True)
class IpSettings:
    """Lists of entries as HCP has them. None is what HCP did not tell, and what a change leaves as it is.

    A list in a change replaces the whole list; an empty one removes every entry. ``allow_if_in_both_lists`` decides
    about an address that stands in both lists, and in neither.
    """

    allow_addresses: tuple[str, ...] | None = None
    deny_addresses: tuple[str, ...] | None = None
    allow_if_in_both_lists: bool | None = None


def checked_entries(entries: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of a list without the spaces around them. Raises StorageError for the first that is wrong.

    An entry is an address, addresses with commas between them, ``ip/mask`` or CIDR; of IPv4 or IPv6.
    """
    return tuple(_checked_entry(entry) for entry in entries)


def _checked_entry(entry: str) -> str:
    parts = [part.strip() for part in entry.split(",")]
    for part in parts:
        if not _is_address_or_range(part):
            raise StorageError(f"{part!r} is no IP address and no range of them", hint=_HINT)
    return ",".join(parts)


def _is_address_or_range(text: str) -> bool:
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        return False
    _, _, mask = text.partition("/")
    # Python takes 0.0.0.255 for a mask too, the other way round; HCP knows subnet masks alone. What follows a percent
    # sign is a network interface of this machine.
    return "%" not in text and ("." not in mask or mask == str(found.netmask))
