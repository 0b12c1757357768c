"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shortlist.bundle.store import ArtifactStore


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
