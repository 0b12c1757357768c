"""python -m service: the HTTP service under gunicorn."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from service.config import ENVIRONMENT_PREFIX, Settings, read_settings, shown_default
from shortlist.errors import SettingsError

if TYPE_CHECKING:
    from service.server import Server

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each setting, help and default from the table."""
    for setting in reversed(fields(Settings)):
        name = setting.name
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        text = f"{setting.metadata['help']} [{variable}; {shown_default(setting)}]"
        command = click.option(f"--{name.replace('_', '-')}", name, help=text)(command)
    return command


@click.command()
@_options
def main(**given: Any) -> None:
    """Serve the live bundle over HTTP.

    Each setting is an option, else an environment variable, else its default.
    """
    try:
        settings = read_settings(os.environ, **given)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    _server(settings).run()


def _server(settings: Settings) -> Server:
    """The server, imported only after the thread counts are in the environment.

    FAISS and OpenBLAS read them once, when they load; a query is one small job, and requests
    run side by side already, so each gets one thread.
    """
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from service.server import Server

    return Server(settings)


if __name__ == "__main__":
    main()
