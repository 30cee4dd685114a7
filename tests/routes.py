"""Every route that the site answers, out of Django's own resolver: what access tests hold their matrices against."""

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver


def every_route() -> Iterator[str]:
    """Yield each route as it is written, converters and all, without the slash in front."""
    yield from _below(get_resolver().url_patterns, "")


def _below(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _below(pattern.url_patterns, route)
        else:
            yield route
