"""The service's settings: one frozen object, one table of name, default and help."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from service.checks import check_artifacts, check_events, check_value
from service.logs import LogFormat, LogLevel
from shortlist.bundle.location import Address, location_of
from shortlist.bundle.signing import read_trusted_keys
from shortlist.encoder.machine import MAX_WAITING, Precision, available_cores
from shortlist.errors import SettingsError, SigningError, StoreError

ENVIRONMENT_PREFIX = "SHORTLIST_"

_SPARE_THREADS = 4
_WRITE_PLACES = _EVENT_PLACES = 16
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False, "false": False, "no": False, "off": False
}  # fmt: skip
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


def _setting(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    secret: bool = False,
) -> Any:
    metadata = {"help": text, "low": low, "high": high, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set; the environment variable is SHORTLIST_ and the name."""

    artifacts: Path | Address = _setting(
        Path("data/artifacts"),
        "Folder of published bundles, or their address in an object store: s3://bucket/prefix or "
        "gs://bucket/prefix, which needs shortlist[s3].",
    )
    cache: str = _setting(
        "",
        "Folder below which copies of what an object store has are kept; empty takes the user's "
        "cache folder.",
    )
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; 0 takes a free one.", low=0, high=65535)
    workers: int = _setting(1, "Worker processes.", low=1, high=64)
    threads: int = _setting(32, "Threads of one worker.", low=1, high=1024)
    max_concurrent: int = _setting(
        0,
        "Requests one worker answers at a time, fewer than threads; more are answered 503. "
        "0 is four fewer than threads.",
        low=0,
        high=1023,
    )
    deadline_s: float = _setting(
        5.0,
        "Seconds a request may take before it is answered 503; 0 sets no limit.",
        low=0,
        high=600,
    )
    max_connections: int = _setting(
        1000,
        "Connections one worker keeps open; one more closes the one that has waited longest. Fewer "
        "where the limit of open files allows fewer.",
        low=1,
        high=100_000,
    )
    client_s: float = _setting(
        20.0,
        "Seconds a client may take to send a request, and again to take the answer.",
        low=0.1,
        high=3600,
    )
    max_cost: int = _setting(
        16_384,
        "What one request may cost, and all large ones at a time: 1/2 for each character of a text "
        "(up to 256) and each result, 1 for an explained one.",
        low=2048,
        high=1 << 30,
    )
    max_body_bytes: int = _setting(
        1 << 20,
        "Bytes a request's body may have, a chunked one with its framing; more is answered 413.",
        low=1024,
        high=1 << 30,
    )
    writes: bool = _setting(
        False, "Whether items are changed over HTTP; it takes a write key, and `shortlist follow`."
    )
    write_key: str = _setting(
        "",
        "Key that requests which change items have to show, another one than the API key.",
        secret=True,
    )
    max_write_bytes: int = _setting(
        4 << 20,
        "Bytes the body of a request that changes items may have; more is answered 413.",
        low=1024,
        high=32 << 20,
    )
    events: str = _setting(
        "",
        "Where events are kept: sqlite:///file or postgresql://user:password@host/name; empty "
        "takes none and logs no answers. It needs shortlist[events].",
        secret=True,
    )
    events_days: int = _setting(
        0, "Days after which events and answers are removed; 0 keeps them.", low=0, high=36_500
    )
    user_key: str = _setting(
        "",
        "Key that user ids are hashed with before they are kept; empty keeps them as they come. "
        "Builds over the same events need the same one.",
        secret=True,
    )
    experiment: bool = _setting(True, "Whether searches take part in the version's experiment.")
    precision: Precision = _setting(Precision.AUTO, "Number format for encoding queries.")
    encoder_threads: int = _setting(
        0, "Processor threads of one worker's encoder; 0 shares the cores out.", low=0, high=256
    )
    max_batch: int = _setting(16, "Queries encoded in one inference at most.", low=1, high=256)
    max_waiting: int = _setting(
        MAX_WAITING,
        "Queries that may wait for the encoder; more are answered 503.",
        low=1,
        high=100_000,
    )
    query_cache: int = _setting(
        4096, "Query vectors kept per worker; 0 keeps none.", low=0, high=10_000_000
    )
    filter_exact_up_to: int = _setting(
        1_000,
        "Rows that a filter may let pass and all be scored, whatever the index; more are searched "
        "through the index, unless scoring them costs less.",
        low=0,
        high=1_000_000_000,
    )
    poll_s: float = _setting(
        0.5,
        "Seconds between looks at CURRENT and BLOCKLIST; above 1.5 a change takes over 2 s.",
        low=0.05,
        high=60,
    )
    load_s: float = _setting(
        120.0, "Seconds after which the loading of a version is given up.", low=1, high=86_400
    )
    api_key: str = _setting(
        "",
        "Key that requests below /v1 have to show; empty asks for none. Other users of the "
        "machine can read options: use the environment.",
        secret=True,
    )
    metrics_token: str = _setting(
        "", "Bearer token that /metrics asks for; empty asks for none.", secret=True
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "Origins, separated by commas, whose scripts may read answers; empty allows none."
    )
    image_origins: tuple[str, ...] = _setting(
        (),
        "Origins, separated by commas, that pictures of items may be shown from; empty shows those "
        "of this service alone.",
    )
    trusted_keys: tuple[str, ...] = _setting(
        (),
        "Public keys, or paths of their files, separated by commas; versions that none of them has "
        "signed are refused. Empty takes unsigned ones too.",
    )
    log_format: LogFormat = _setting(LogFormat.PLAIN, "How log lines are written.")
    log_level: LogLevel = _setting(LogLevel.INFO, "The least that is logged; requests are info.")
    log_queries: bool = _setting(
        False, "Whether the log, and the store of events, have the texts of queries."
    )

    def __post_init__(self) -> None:
        check_artifacts(self.artifacts, writes=self.writes)
        if not self.host.strip():
            raise SettingsError("host: expected an address or name, found none")
        for setting in fields(self):
            check_value(setting, getattr(self, setting.name))
        try:
            read_trusted_keys(self.trusted_keys)
        except SigningError as error:
            raise SettingsError(f"trusted_keys: {error}") from error
        if self.max_concurrent >= self.threads > 1:
            raise SettingsError(
                f"max_concurrent: expected fewer than threads ({self.threads}), "
                f"found {self.max_concurrent}"
            )
        if self.writes and self.write_key in {"", self.api_key}:
            raise SettingsError(
                "write_key: expected a key where writes is on, another one than api_key, found "
                + ("that one" if self.write_key else "none")
            )
        check_events(self.events)
        for name in ("cors_origins", "image_origins"):
            for origin in getattr(self, name):
                if not _ORIGIN.fullmatch(origin):
                    raise SettingsError(
                        f"{name}: expected origins like https://example.org, in lower case and "
                        f"without a path, found {origin!r}"
                    )

    @property
    def threads_per_encoder(self) -> int:
        """How many processor threads a worker's encoder uses."""
        return self.encoder_threads or max(1, available_cores() // self.workers)

    @property
    def admitted(self) -> int:
        """How many requests a worker answers at a time."""
        return self.max_concurrent or max(1, self.threads - _SPARE_THREADS)

    @property
    def write_places(self) -> int:
        """How many requests that write a worker has inside, beside those; each has a thread."""
        return _WRITE_PLACES if self.writes else 0

    @property
    def event_places(self) -> int:
        """How many requests that bring events a worker has inside; each has a thread."""
        return _EVENT_PLACES if self.events else 0


def read_settings(environment: Mapping[str, str], **given: object) -> Settings:
    """Settings from explicit values first, the environment second, defaults last.

    A given None counts as not given. Raises SettingsError naming the setting, what was found
    and what is allowed; an unknown SHORTLIST_ variable is an error too.
    """
    known = {setting.name: setting for setting in fields(Settings)}
    values: dict[str, object] = {}
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            if name not in known:
                listed = ", ".join(ENVIRONMENT_PREFIX + known_name.upper() for known_name in known)
                raise SettingsError(f"{variable}: no such setting; known: {listed}")
            values[name] = text
    values.update({name: value for name, value in given.items() if value is not None})
    return Settings(**{name: _parse(known[name], value) for name, value in values.items()})  # type: ignore[arg-type]


def shown_default(setting: Field[Any]) -> str:
    """A setting's default as help and documentation write it."""
    default = setting.default
    if isinstance(default, bool):
        return "on" if default else "off"
    return str(default) if default not in {"", ()} else "empty"


def _parse(setting: Field[Any], value: object) -> object:
    wanted = type(setting.default)
    parse = _PARSERS.get(wanted, wanted)
    try:
        parsed: object = parse(value)
    except StoreError as error:
        raise SettingsError(f"{setting.name}: {error}") from error
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"{setting.name}: expected {_allowed(wanted)}, found {value!r}"
        ) from error
    return parsed


_PARSERS: dict[type, Callable[[object], object]] = {
    type(Path()): lambda value: location_of(str(value)),
    bool: lambda value: _BOOLEANS[str(value).lower()],
    tuple: lambda value: tuple(part.strip() for part in str(value).split(",") if part.strip()),
}


def _allowed(wanted: type) -> str:
    if issubclass(wanted, StrEnum):
        return f"one of {', '.join(wanted)}"
    return f"one of {', '.join(_BOOLEANS)}" if wanted is bool else wanted.__name__
