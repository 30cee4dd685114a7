"""The settings of HCP's namespace protocols as its management API writes them: JSON, and what may stand in it.

Nothing that HCP's documentation calls invalid is sent; the sources are those of ``hcp_settings``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from documents.errors import StorageError, UnsupportedOperation
from documents.storage.hcp_addresses import IpSettings, checked_entries
from documents.storage.hcp_settings import PROPERTIES, SETTINGS_OF, HcpProtocol, Property, ProtocolSettings

ALLOW, DENY, BOTH = "allowAddresses", "denyAddresses", "allowIfInBothLists"
Value = bool | int | str | tuple[str, ...] | None
_IN_BOTH = Property(BOTH, "allow_if_in_both_lists", bool)


@dataclass(frozen=True, slots=True)
class Change:
    """One property and what it was and is. A secret's values are not told."""

    name: str
    before: Value
    after: Value
    is_secret: bool = False


def settings_of(protocol: HcpProtocol, values: Mapping[str, Value]) -> ProtocolSettings:
    """Make a change out of properties by HCP's names; those that are missing stay as they are.

    Raises StorageError for a name or a value that the protocol does not have, and UnsupportedOperation for a list or
    a decision that HCP does not let this protocol have.
    """
    kind, known = SETTINGS_OF[protocol], PROPERTIES[protocol]
    for name in values:
        if name not in known and name not in (ALLOW, DENY, BOTH):
            raise StorageError(
                f"{protocol.value} has no setting {name!r}", hint=f"It has {', '.join(names_of(protocol))}"
            )
    path = values.get("emailLocation")
    if path is not None and not (str(path).startswith("/") and str(path).endswith("/")):
        raise StorageError("emailLocation is a path with a slash at both ends", hint="Write /email/")
    lists = {name: checked_entries(_list(name, values[name])) for name in (ALLOW, DENY) if values.get(name) is not None}
    return _made(kind, {**values, **lists})


def value_of_text(protocol: HcpProtocol, name: str, text: str) -> Value:
    """Return what ``text`` means as a value of the property: ``true``, ``false``, a number or the text itself."""
    known = _IN_BOTH if name == BOTH else PROPERTIES[protocol].get(name)
    if known is None or known.kind not in (bool, int):
        return text
    if known.kind is bool and text in ("true", "false"):
        return text == "true"
    if known.kind is int and text.isascii() and text.isdecimal():
        return int(text)
    raise StorageError(f"{name} is {'true or false' if known.kind is bool else 'a number from 0'}, not {text!r}")


def names_of(protocol: HcpProtocol) -> list[str]:
    """Every property that the protocol has, by HCP's names, in the order they are shown."""
    kind = SETTINGS_OF[protocol]
    return [*PROPERTIES[protocol], ALLOW, *([DENY] if kind.denies else []), *([BOTH] if kind.decides else [])]


def values_of(settings: ProtocolSettings) -> dict[str, Value]:
    """Return what is set, by HCP's names, secrets included."""
    addresses = settings.ip_settings or IpSettings()
    found: dict[str, Value] = {
        name: getattr(settings, known.attribute) for name, known in PROPERTIES[settings.protocol].items()
    }
    found |= {ALLOW: addresses.allow_addresses, DENY: addresses.deny_addresses, BOTH: addresses.allow_if_in_both_lists}
    return {name: value for name, value in found.items() if value is not None}


def changes_between(before: ProtocolSettings, change: ProtocolSettings) -> list[Change]:
    """Return what ``change`` makes different. A secret, whose old value nobody knows, always counts."""
    known, was = PROPERTIES[change.protocol], values_of(before)
    found = []
    for name, value in values_of(change).items():
        if name in known and known[name].is_secret:
            found.append(Change(name, None, None, is_secret=True))
        elif was.get(name) != value:
            found.append(Change(name, was.get(name), value))
    return found


def document_of(change: ProtocolSettings) -> dict[str, Any]:
    """Return the JSON of a request. What is None is left out, so HCP leaves it as it is."""
    values: dict[str, Any] = values_of(change)
    lists = {name: {"ipAddress": list(values.pop(name))} for name in (ALLOW, DENY) if name in values}
    decision = {BOTH: values.pop(BOTH)} if BOTH in values else {}
    return values | ({"ipSettings": lists | decision} if lists or decision else {})


def settings_in(protocol: HcpProtocol, document: object) -> ProtocolSettings:
    """Read HCP's answer. Properties that are not documented are passed over, and a secret is not kept.

    Raises StorageError where a known property is not what it should be.
    """
    if not isinstance(document, dict):
        raise StorageError("The settings are no JSON object")
    known = PROPERTIES[protocol]
    values = {name: document[name] for name, found in known.items() if name in document and not found.is_secret}
    addresses = document.get("ipSettings", {})
    if not isinstance(addresses, dict):
        raise StorageError("ipSettings is no JSON object")
    values |= {name: _entries(addresses[name]) for name in (ALLOW, DENY) if name in addresses}
    values |= {BOTH: addresses[BOTH]} if BOTH in addresses else {}
    return _made(SETTINGS_OF[protocol], {name: value for name, value in values.items() if name in names_of(protocol)})


def _entries(found: object) -> tuple[str, ...]:
    entries = found.get("ipAddress") or [] if isinstance(found, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, str) and entry.isprintable() for entry in entries):
        raise StorageError("A list of addresses is not {'ipAddress': […]}")
    return tuple(entries)


def _made(kind: type[ProtocolSettings], values: Mapping[str, Value]) -> ProtocolSettings:
    known = PROPERTIES[kind.protocol]
    given = {known[name].attribute: _checked(known[name], value) for name, value in values.items() if name in known}
    return kind(**given, ip_settings=_ip_settings(kind, values))


def _ip_settings(kind: type[ProtocolSettings], values: Mapping[str, Value]) -> IpSettings | None:
    protocol = kind.protocol.value
    allow, deny, both = (values.get(name) for name in (ALLOW, DENY, BOTH))
    if deny is not None and not kind.denies:
        raise UnsupportedOperation(f"{DENY} is not valid for {protocol}", hint="It has a list of allowed addresses")
    if both is not None and not kind.decides:
        raise UnsupportedOperation(f"{BOTH} is not valid for {protocol}", hint="HCP has it for http alone")
    if allow is None and deny is None and both is None:
        return None
    return IpSettings(
        None if allow is None else _list(ALLOW, allow),
        None if deny is None else _list(DENY, deny),
        _checked(_IN_BOTH, both),
    )


def _list(name: str, entries: Value) -> tuple[str, ...]:
    if not isinstance(entries, tuple):
        raise StorageError(f"{name} is a list of addresses")
    return entries


def _checked(known: Property, value: object) -> Any:
    """Return the value as the settings keep it. Raises StorageError where it is not of the property's kind."""
    if value is None:
        return None
    if known.kind in (bool, int, str):
        if type(value) is known.kind and _is_sane(value):
            return value
    else:
        try:
            return known.kind(value)
        except ValueError:
            pass
    raise StorageError(f"{known.name} cannot be {'this' if known.is_secret else repr(value)}", hint=_hint(known))


def _is_sane(value: object) -> bool:
    return value.isprintable() if isinstance(value, str) else not isinstance(value, int) or value >= 0


def _hint(known: Property) -> str:
    if known.kind in (bool, int, str):
        return "It is " + {bool: "true or false", int: "a number from 0", str: "a line of text"}[known.kind]
    choices: Iterable[str] = known.kind  # type: ignore[assignment]  # an enumeration of texts
    return f"It is {' or '.join(choices)}"
