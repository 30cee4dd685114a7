"""What an operator wishes for: the run that the form describes, not saved."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.contrib.auth.models import User

from documents.wiring import vault_config
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunKind

KINDS = (
    (RunKind.COPY, "copy: to the destination, verified there; the source is kept"),
    (RunKind.VERIFY, "verify: read and compare what is at the destination; nothing changes"),
    (RunKind.PURGE, "purge: delete kept sources whose time of grace is over, after a second look"),
)
# So many workers of so many threads ask more of a store at a time than any is known to answer.
MOST_WORKERS, MOST_THREADS = 100, 100
MEGABYTE = 1_000_000


class StartForm(forms.ModelForm):
    """Where it is valid, ``instance`` is the run."""

    kind = forms.ChoiceField(choices=KINDS)
    owner = forms.CharField(
        required=False, max_length=150, help_text="The user name of a person: only what they own is moved."
    )
    since = forms.DateField(
        required=False,
        help_text="Only what was made on this day or later (UTC).",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    workers = forms.IntegerField(
        min_value=1, max_value=MOST_WORKERS, initial=2, help_text="Tasks that are at it at a time."
    )
    threads = forms.IntegerField(
        min_value=1, max_value=MOST_THREADS, initial=8, help_text="Objects at a time in each of them."
    )
    bandwidth = forms.IntegerField(
        label="Bandwidth (MB/s)",
        min_value=0,
        max_value=MEGABYTE,  # MB a second, which is 1 TB: the column has room for more
        initial=0,
        help_text="Read and written, over all workers; 0 is without a limit.",
    )

    class Meta:
        model = MigrationRun
        fields = ("destination", "kind", "owner", "since", "max_items", "workers", "threads", "bandwidth")
        labels = {"max_items": "Limit"}
        help_texts = {"max_items": "At most so many objects; empty for all."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = vault_config().store_names()
        self.fields["destination"] = forms.ChoiceField(
            choices=[(name, name) for name in names],
            initial=vault_config().storage_type,
            help_text="The store that documents are in afterwards.",
        )

    def clean_owner(self) -> User | None:
        name = self.cleaned_data["owner"]
        if not name:
            return None
        owner = User.objects.filter(username=name).first()
        if owner is None:
            raise forms.ValidationError(f"There is no person {name!r}. Write the user name as it stands under Users.")
        return owner

    def clean_since(self) -> datetime | None:
        day: date | None = self.cleaned_data["since"]
        return datetime.combine(day, time.min, UTC) if day else None

    def clean_bandwidth(self) -> int:
        return int(self.cleaned_data["bandwidth"]) * MEGABYTE

    def clean(self) -> None:
        found = self.cleaned_data
        if found.get("kind") == RunKind.PURGE and (found.get("owner") or found.get("since")):
            raise forms.ValidationError("A purge is about all kept sources: leave owner and since empty.")
