"""One line a request, whatever the client sends, and no secrets in it."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from service.logs import LogFormat, LogLevel, configure_logs, formatter_for, log_exchange
from service.wsgi.exchange import Exchange
from shortlist.engine.clock import StageClock

NASTY = "a\nb\r\x1b[31m\x00\x85\u2028\u2029 c"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is of the whole process; what a test configures is undone."""
    root, service = logging.getLogger(), logging.getLogger("service")
    before = (root.handlers[:], root.level, service.level)
    root.handlers[:] = []
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    service.setLevel(before[2])


def exchange(**more: Any) -> Exchange:
    known = {"took_s": 0.0125, "route": "/v1/search", "status": 200}
    return Exchange("the-id", StageClock(), **{**known, **more})


def environ(**more: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/v1/search",
        "QUERY_STRING": "q=secret+wish&k=3",
        **more,
    }


def logged(log_format: str, *, level: str = "info", queries: bool = False, **more: Any) -> str:
    """What one exchange leaves in the log."""
    stream = io.StringIO()
    configure_logs(LogFormat(log_format), LogLevel(level), stream=stream)
    names = {name: more.pop(name) for name in list(more) if name.isupper()}
    log_exchange(environ(**names), exchange(**more), queries=queries)
    return stream.getvalue()


def test_json_has_every_field() -> None:
    entry = json.loads(logged("json", version="v1", n_results=7))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", entry.pop("time"))
    assert entry == {
        "level": "info",
        "message": "request",
        "request_id": "the-id",
        "method": "GET",
        "route": "/v1/search",
        "path": "/v1/search",
        "status": 200,
        "took_ms": 12.5,
        "version": "v1",
        "results": 7,
    }


def test_plain_has_the_same_fields() -> None:
    time, rest = logged("plain", version="v1").split(" ", 1)
    assert time.endswith("+00:00")
    assert rest == (
        "INFO request request_id=the-id method=GET route=/v1/search path=/v1/search status=200 "
        "took_ms=12.5 version=v1 results=-\n"
    )


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_the_text_of_a_query_is_logged_only_when_asked_for(log_format: str) -> None:
    for level in ("debug", "info"):
        assert "wish" not in logged(log_format, level=level)
    assert "secret wish" in logged(log_format, queries=True)


@pytest.mark.parametrize("log_format", ["plain", "json"])
@pytest.mark.parametrize(
    "client",
    [
        {"PATH_INFO": f"/{NASTY}"},
        {"PATH_INFO": "/" + "x" * 100_000},
        {"PATH_INFO": "/caf\xc3\xa9 INFO request status=200"},
        {"REQUEST_METHOD": NASTY},
        {"QUERY_STRING": "q=a%0Ab%E2%80%A8c%1B%00"},
        {"QUERY_STRING": "q=%FF%ED%A0%80"},
    ],
)
def test_a_request_is_one_line_whatever_the_client_sends(
    log_format: str, client: dict[str, str]
) -> None:
    text = logged(log_format, queries=True, **client)
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert text.isascii()
    assert len(text) < 3000
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_a_path_cannot_add_fields() -> None:
    text = logged("plain", PATH_INFO="/a status=500\xe9")
    assert " path=/a%20status%3D500%E9 status=200 " in text


def test_above_info_no_request_is_logged() -> None:
    assert logged("plain", level="warning") == ""


def test_other_packages_are_heard_from_a_warning_on() -> None:
    stream = io.StringIO()
    configure_logs(LogFormat.PLAIN, LogLevel.DEBUG, stream=stream)
    other = logging.getLogger("another.package")
    other.info("chatter")
    other.warning("news")
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == ["WARNING news"]


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    traced: Any = None
    if error is not None:
        try:
            raise error
        except type(error) as caught:
            traced = (type(caught), caught, caught.__traceback__)
    return logging.LogRecord("service", logging.ERROR, "x.py", 1, message, None, traced)


def test_no_message_can_begin_a_line_in_either_format() -> None:
    for log_format in LogFormat:
        text = formatter_for(log_format).format(record(f"bad header {NASTY}"))
        assert len(text.splitlines()) == 1


def test_a_traceback_stays_in_its_json_line() -> None:
    text = formatter_for(LogFormat.JSON).format(record("failed", ValueError(NASTY)))
    assert len(text.splitlines()) == 1
    assert f"ValueError: {NASTY}" in json.loads(text)["exception"]


def test_no_line_of_a_plain_traceback_can_pass_for_an_entry() -> None:
    forged = ValueError("x\n2026-01-01T00:00:00.000+00:00 INFO request status=200\x1b[2K")
    first, *others = formatter_for(LogFormat.PLAIN).format(record("failed", forged)).splitlines()
    assert first.endswith(" ERROR failed")
    assert others
    assert [line for line in others if not line.startswith("  | ")] == []
    assert "\x1b" not in "".join(others)
