"""Structured logs: one JSON object a line on stderr, with the request's id in every line it caused.

Logs carry ids and object keys, never names, plaintext, DEKs, tokens or presigned URLs. ``redact_tokens`` is the net
below that rule: it also catches what Django and libraries write.
"""

import logging
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from documents.redaction import redacted


def redact_tokens(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace everything that grants access, in any text of the event, traceback included."""
    return {name: redacted(value) if isinstance(value, str) else value for name, value in event.items()}


def keep_to_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape, for the renderer of text, what could forge a line or move a terminal's cursor; tracebacks keep theirs."""
    return {
        name: _escaped(value) if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape", errors="surrogatepass").decode() for c in text)


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
    redact_tokens,
]


def configure() -> None:
    """Let ``structlog.get_logger()`` write through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """``LOGGING`` for Django: everything to stderr, in one format, at ``level`` and above."""
    renderers: list[Processor] = (
        [structlog.processors.JSONRenderer()]
        if as_json
        else [keep_to_one_line, structlog.dev.ConsoleRenderer(colors=False)]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_tokens, *renderers],
                "foreign_pre_chain": _SHARED,
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": logging.getLevelName(level)},
        "loggers": {
            # Both repeat, with the path, what the request's own line says.
            "django.server": {"handlers": [], "propagate": False},
            "django.request": {"level": "ERROR"},
            "botocore": {"level": "WARNING"},
            # What it warns of, every second, is raised where a connection is asked for.
            "psycopg.pool": {"level": "ERROR"},
            # It has no host name to say for a broker that is a folder.
            "kombu.connection": {"level": "ERROR"},
        },
    }
