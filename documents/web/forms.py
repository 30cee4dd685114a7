"""Forms of the pages. They parse; the rules are the services'."""

from datetime import timedelta

from django import forms

from documents.services.links import MOST_DOWNLOADS, SHORTEST_PASSWORD, lifetime_in_words
from documents.wiring import vault_config

USUAL_LIFETIMES = (timedelta(hours=1), timedelta(hours=24), timedelta(days=7), timedelta(days=30))


def lifetimes() -> list[tuple[int, str]]:
    """Return the seconds and the words of what a link may live: the usual ones within the limit, and the default."""
    config = vault_config()
    offered = {config.link_lifetime, *(usual for usual in USUAL_LIFETIMES if usual <= config.link_max_lifetime)}
    return [(int(lifetime.total_seconds()), lifetime_in_words(lifetime)) for lifetime in sorted(offered)]


def default_lifetime() -> int:
    """Return VAULT_LINK_LIFETIME in seconds; asked when the form is shown, not when this is imported."""
    return int(vault_config().link_lifetime.total_seconds())


class LinkForm(forms.Form):
    """A new link: how long it lives, and optionally a password and a count."""

    expires_in = forms.TypedChoiceField(
        label="Ends after",
        choices=lifetimes,
        coerce=int,
        initial=default_lifetime,
        help_text="By the vault's own clock.",
    )
    password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        min_length=SHORTEST_PASSWORD,
        max_length=1000,
        # Shown while it is typed: it is made to be told to somebody.
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
        help_text=f"Optional. At least {SHORTEST_PASSWORD} characters; tell it by another way than the link.",
    )
    max_downloads = forms.IntegerField(
        label="Downloads",
        required=False,
        min_value=1,
        max_value=MOST_DOWNLOADS,
        help_text="Optional. After so many downloads the link ends: 1 makes it a one-time link.",
    )

    def lifetime(self) -> timedelta:
        """How long the link is to be good for."""
        return timedelta(seconds=self.cleaned_data["expires_in"])


class LinkPasswordForm(forms.Form):
    """The password of a link, entered by its recipient."""

    password = forms.CharField(
        label="Password", strip=False, max_length=1000, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
