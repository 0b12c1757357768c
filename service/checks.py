"""What a setting's value has to be."""

from __future__ import annotations

import re
from dataclasses import Field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shortlist.bundle.location import NO_CHANGES, Location, require_usable
from shortlist.errors import EventStoreError, SettingsError, StoreError
from shortlist.events.address import address_of

_SECRET = re.compile(r"[!-~]*")


def check_artifacts(found: Location, *, writes: bool) -> None:
    """Raises SettingsError unless bundles can lie there, and changes where `writes` is on."""
    if isinstance(found, Path):
        if found == Path() or (found.exists() and not found.is_dir()):
            raise SettingsError(f"artifacts: expected a folder, found {str(found)!r}")
        return
    try:
        require_usable(found)
    except StoreError as error:
        raise SettingsError(f"artifacts: {error}") from error
    if writes:
        raise SettingsError(f"writes: {NO_CHANGES}")


def check_events(url: str) -> None:
    """Raises SettingsError unless events can be kept at this url; an empty one keeps none."""
    if not url:
        return
    try:
        address = address_of(url)
    except EventStoreError as error:
        raise SettingsError(f"events: {error}") from error
    for package in ("sqlalchemy", "alembic", *(["psycopg"] if address.path is None else [])):
        if find_spec(package) is None:
            raise SettingsError(f"events: needs {package}; install shortlist[events]")


def check_value(setting: Field[Any], value: Any) -> None:
    """Raises SettingsError, without a secret's value, where a value is out of its range."""
    low, high = setting.metadata["low"], setting.metadata["high"]
    if low is not None and not low <= value <= high:
        raise SettingsError(f"{setting.name}: expected {low:g} to {high:g}, found {value!r}")
    if setting.metadata["secret"] and not _SECRET.fullmatch(value):
        raise SettingsError(
            f"{setting.name}: expected visible ASCII characters without blanks, found others"
        )
