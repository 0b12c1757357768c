"""What the service logs: one line a request, plain or JSON, on standard error."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO
from urllib.parse import parse_qs, quote
from wsgiref.types import WSGIEnvironment

from service.wsgi.exchange import Exchange

log = logging.getLogger(__name__)

MOST_CHARACTERS = 500
"""Of a path or a query in a line; a request line has no limit of its own."""

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_VALUE = re.compile(r"[^\s\"=]+")


class LogFormat(StrEnum):
    """How a line is written."""

    PLAIN = "plain"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class PlainLines(logging.Formatter):
    """Time, level, message, then `name=value` for each field.

    Whatever breaks lines is escaped. A traceback follows on lines of its own that begin with
    `  | `, so that no text in it can pass for a line of the log.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback's."""
        line = f"{_time_of(record)} {record.levelname} {_one_line(record.getMessage())}"
        for name, value in getattr(record, "fields", {}).items():
            line += f" {name}={_plain(value)}"
        traced = self.formatException(record.exc_info) if record.exc_info else ""
        for part in traced.splitlines():
            line += f"\n  | {_one_line(part)}"
        return line


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, the fields, and a traceback as text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: dict[str, Any] = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def formatter_for(log_format: LogFormat) -> logging.Formatter:
    """What writes lines in this format."""
    return JsonLines() if log_format is LogFormat.JSON else PlainLines()


def configure_logs(
    log_format: LogFormat, log_level: LogLevel, *, stream: TextIO | None = None
) -> None:
    """Log to standard error, or this stream; of other packages nothing below a warning."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter_for(log_format))
    level = logging.getLevelNamesMapping()[log_level.upper()]
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    for ours in ("service", "shortlist"):
        logging.getLogger(ours).setLevel(level)


def log_exchange(environ: WSGIEnvironment, exchange: Exchange, *, queries: bool = False) -> None:
    """One line for a request that is answered; its text only when `queries` is on."""
    if not log.isEnabledFor(logging.INFO):
        return
    # WSGI gives the path's bytes as latin-1 text.
    path = environ.get("PATH_INFO", "")[:MOST_CHARACTERS].encode("latin-1", "replace")
    fields = {
        "request_id": exchange.request_id,
        "method": environ["REQUEST_METHOD"],
        "route": exchange.route,
        "path": quote(path, safe="/:@!$&'()*+,;~-._"),
        "status": exchange.status,
        "took_ms": round(exchange.took_s * 1e3, 3),
        "version": exchange.version,
        "results": exchange.n_results,
    }
    if exchange.sequence is not None:
        fields["sequence"] = exchange.sequence
    if queries and (texts := parse_qs(environ.get("QUERY_STRING", "")).get("q")):
        fields["query"] = texts[0][:MOST_CHARACTERS]
    log.info("request", extra={"fields": fields})


def _time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _plain(value: object) -> str:
    """The value as it is, `-` for none, in JSON's quotes where it is not one plain word."""
    text = "-" if value is None else str(value)
    return text if _PLAIN_VALUE.fullmatch(text) and text.isascii() else json.dumps(text)


def _one_line(text: str) -> str:
    return _BREAKS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
