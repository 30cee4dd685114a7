"""What the pages of accounts ask about the configuration."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def mail_is_sent() -> bool:
    """Whether mail reaches anybody: a page promises none otherwise."""
    return bool(settings.MAIL_IS_SENT)
