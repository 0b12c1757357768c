"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from shortlist.bundle.store import ArtifactStore


Command = TypeVar("Command", bound=Callable[..., Any])


def _store(_context: click.Context, _parameter: click.Parameter, named: str) -> ArtifactStore:
    """What is published at a location; not the current folder, which an empty text would mean."""
    from shortlist.bundle.location import location_of
    from shortlist.bundle.stores import open_store
    from shortlist.errors import StoreError

    try:
        location = location_of(named)
    except StoreError as error:
        raise click.BadParameter(str(error)) from error
    if location == Path():
        raise click.BadParameter("expected a folder other than the current one")
    if isinstance(location, Path) and location.is_file():
        raise click.BadParameter(f"expected a folder, {named!r} is a file")
    return open_store(location)


artifacts_option = click.option(
    "--artifacts",
    required=True,
    callback=_store,
    metavar="DIRECTORY",
    help="The folder, or the address in an object store, that holds published bundles.",
)
sign_option = click.option(
    "--sign",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign the version with the private key in this file; `keygen` makes one.",
)


def events_option(*, required: bool) -> Callable[[Command], Command]:
    """The url of the store of events."""
    return click.option(
        "--events",
        envvar="SHORTLIST_EVENTS",
        show_envvar=True,
        required=required,
        default=None if required else "",
        help="Where events are kept: sqlite:///file or postgresql://user:password@host/name.",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
