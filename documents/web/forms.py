"""Forms of the pages. They parse; the rules are the services'."""

from datetime import timedelta

from django import forms

from documents.services.links import MOST_DOWNLOADS, SHORTEST_PASSWORD

HOUR = 3600
LIFETIMES = [
    (HOUR, "1 hour"),
    (24 * HOUR, "24 hours"),
    (7 * 24 * HOUR, "7 days"),
    (30 * 24 * HOUR, "30 days"),
]


class LinkForm(forms.Form):
    """A new link: how long it lives, and optionally a password and a count."""

    expires_in = forms.TypedChoiceField(
        label="Ends after", choices=LIFETIMES, coerce=int, initial=24 * HOUR, help_text="by the vault's own clock"
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        min_length=SHORTEST_PASSWORD,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"optional, {SHORTEST_PASSWORD} characters or more; tell it by another way than the link",
    )
    max_downloads = forms.IntegerField(
        label="Downloads",
        required=False,
        min_value=1,
        max_value=MOST_DOWNLOADS,
        help_text="optional; 1 makes it one-time",
    )

    def lifetime(self) -> timedelta:
        return timedelta(seconds=self.cleaned_data["expires_in"])


class LinkPasswordForm(forms.Form):
    """The password of a link, entered by its recipient."""

    password = forms.CharField(
        label="Password", strip=False, max_length=1000, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
