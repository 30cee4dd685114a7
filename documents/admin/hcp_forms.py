"""The form for the settings of one of HCP's namespace protocols, made out of what HCP told."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from django import forms

from documents.errors import StorageError
from documents.storage.hcp_addresses import checked_entries
from documents.storage.hcp_documents import ALLOW, BOTH, DENY, Value, settings_of, values_of
from documents.storage.hcp_settings import PROPERTIES, Property, ProtocolSettings


class AddressesField(forms.CharField):
    """A list of addresses, an entry to a line."""

    widget = forms.Textarea(attrs={"rows": 5, "cols": 50, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, tuple) else value

    def to_python(self, value: Any) -> Any:
        lines = self.prepare_value(value) or ""
        return tuple(line.strip() for line in lines.splitlines() if line.strip())

    def clean(self, value: Any) -> Any:
        try:
            return checked_entries(self.to_python(value))
        except StorageError as error:
            raise forms.ValidationError(str(error)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


class ProtocolForm(forms.Form):
    """Every setting that HCP told of, and the secret ones empty.

    The page carries what it showed, so that a change is what somebody changed: what another changed in HCP meanwhile
    is not set back.
    """

    def __init__(self, current: ProtocolSettings, data: Any = None) -> None:
        super().__init__(data)
        self.protocol = current.protocol
        shown = values_of(current)
        for name, known in PROPERTIES[self.protocol].items():
            if known.is_secret or name in shown:
                self.fields[name] = _field(known, shown.get(name))
        for name, label in ((ALLOW, "are let in"), (DENY, "are kept out")):
            if name in shown:
                hint = f"Addresses that {label}: 192.0.2.7, 192.0.2.0/24 or 192.0.2.0/255.255.255.0, one to a line."
                self.fields[name] = AddressesField(
                    label=name, required=False, initial=shown[name], help_text=hint, show_hidden_initial=True
                )
        if BOTH in shown:
            self.fields[BOTH] = _field(Property(BOTH, "", bool), shown[BOTH])

    def change(self) -> ProtocolSettings:
        """What was changed in a valid form, and None for everything else. Raises StorageError."""
        values: dict[str, Value] = {name: self.cleaned_data[name] for name in self.changed_data}
        return settings_of(self.protocol, values)


def _field(known: Property, value: Value) -> forms.Field:
    if known.is_secret:
        secret = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        return forms.CharField(
            label=known.name,
            required=False,
            strip=False,
            widget=secret,
            help_text="Leave it empty to keep what is set.",
        )
    options: dict[str, Any] = {"label": known.name, "required": False, "initial": value, "show_hidden_initial": True}
    if known.kind is bool:
        return forms.BooleanField(**options)
    if known.kind is int:
        return forms.IntegerField(min_value=0, **{**options, "required": True})
    if issubclass(known.kind, StrEnum):
        members: Iterable[StrEnum] = known.kind
        return forms.ChoiceField(choices=[(str(one.value), str(one.value)) for one in members], **options)
    return forms.CharField(max_length=1024, **options)
