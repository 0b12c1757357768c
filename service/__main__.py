"""python -m service: the HTTP service under gunicorn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from service.config import ENVIRONMENT_PREFIX, Settings, read_settings, shown_default
from shortlist.errors import SettingsError

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""FAISS and OpenBLAS read them once, when they load; a query is one small job, and requests run
side by side already, so each gets one thread."""

_VALUES = ((bool, "[on|off]"), (int, "INTEGER"), (float, "NUMBER"), (Path, "DIRECTORY"))


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each setting, all that its help says from the table."""
    for setting in reversed(fields(Settings)):
        option = f"--{setting.name.replace('_', '-')}"
        low, high = setting.metadata["low"], setting.metadata["high"]
        allowed = "" if low is None else f"; {low:g}<=x<={high:.10g}"
        variable = f"{ENVIRONMENT_PREFIX}{setting.name.upper()}"
        facts = f"[env var: {variable}; default: {shown_default(setting)}{allowed}]"
        text = f"{setting.metadata['help']} {facts}"
        command = click.option(option, setting.name, metavar=_value(setting), help=text)(command)
    return command


def _value(setting: Field[Any]) -> str:
    default = setting.default
    if isinstance(default, StrEnum):
        return f"[{'|'.join(type(default))}]"
    return next((text for kind, text in _VALUES if isinstance(default, kind)), "TEXT")


@click.command("serve")
@_options
def main(**given: Any) -> None:
    """Serve the live bundle over HTTP.

    Each setting is an option, else an environment variable, else its default.
    """
    try:
        settings = read_settings(os.environ, **given)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    from service.server import Server, why_not_listen

    if problem := why_not_listen(settings):
        click.echo(f"error: {problem}", err=True)
        sys.exit(1)
    Server(settings).run()


if __name__ == "__main__":
    main()
