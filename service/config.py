"""The service's settings: one frozen object, one table of name, default and help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from indexing.encoder.precision import Precision
from indexing.encoder.processor import available_cores
from indexing.errors import SettingsError

ENVIRONMENT_PREFIX = "SHORTLIST_"


def _setting(
    default: Any, text: str, *, low: float | None = None, high: float | None = None
) -> Any:
    return field(default=default, metadata={"help": text, "low": low, "high": high})


@dataclass(frozen=True)
class Settings:
    """Everything an operator can set; the environment variable is SHORTLIST_ and the name."""

    artifacts: Path = _setting(Path("data/artifacts"), "Folder of published bundles.")
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8000, "Port to listen on; 0 takes a free one.", low=0, high=65535)
    workers: int = _setting(1, "Worker processes.", low=1, high=64)
    threads: int = _setting(32, "Requests one worker handles at a time.", low=1, high=1024)
    precision: Precision = _setting(Precision.AUTO, "Number format for encoding queries.")
    encoder_threads: int = _setting(
        0, "Processor threads of one worker's encoder; 0 shares the cores out.", low=0, high=256
    )
    max_batch: int = _setting(16, "Queries encoded in one inference at most.", low=1, high=256)
    max_waiting: int = _setting(
        24, "Queries that may wait for the encoder; more are answered 503.", low=1, high=100_000
    )
    query_cache: int = _setting(
        4096, "Query vectors kept per worker; 0 keeps none.", low=0, high=10_000_000
    )
    poll_s: float = _setting(
        0.5,
        "Seconds between looks at CURRENT and BLOCKLIST; above 1.5 a change takes over 2 s.",
        low=0.05,
        high=60,
    )

    def __post_init__(self) -> None:
        if self.artifacts == Path() or (self.artifacts.exists() and not self.artifacts.is_dir()):
            raise SettingsError(f"artifacts: expected a folder, found {str(self.artifacts)!r}")
        if not self.host.strip():
            raise SettingsError("host: expected an address or name, found none")
        for setting in fields(self):
            _check_range(setting.name, getattr(self, setting.name), dict(setting.metadata))

    @property
    def threads_per_encoder(self) -> int:
        """How many processor threads a worker's encoder uses."""
        return self.encoder_threads or max(1, available_cores() // self.workers)


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
    return Settings(**{name: _parse(name, value) for name, value in values.items()})  # type: ignore[arg-type]


def _parse(name: str, value: object) -> object:
    wanted: type[Any] = type(Settings.__dataclass_fields__[name].default)
    try:
        parsed: object = wanted(value)
    except ValueError as error:
        allowed = f"one of {', '.join(Precision)}" if wanted is Precision else wanted.__name__
        raise SettingsError(f"{name}: expected {allowed}, found {value!r}") from error
    return parsed


def _check_range(name: str, value: Any, metadata: dict[str, Any]) -> None:
    low, high = metadata["low"], metadata["high"]
    if low is not None and not low <= value <= high:
        raise SettingsError(f"{name}: expected {low:g} to {high:g}, found {value!r}")
