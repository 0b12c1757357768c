"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from shortlist.bundle.store import ArtifactStore


Command = TypeVar("Command", bound=Callable[..., Any])


def _store(_context: click.Context, _parameter: click.Parameter, folder: Path) -> ArtifactStore:
    """What is published in a folder; not the current one, which an empty text would mean too."""
    from shortlist.bundle.store import ArtifactStore

    if folder == Path():
        raise click.BadParameter("expected a folder other than the current one")
    return ArtifactStore(folder)


artifacts_option = click.option(
    "--artifacts",
    required=True,
    callback=_store,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds published bundles.",
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
