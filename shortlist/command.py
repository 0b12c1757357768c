"""The one command: `shortlist`, with the commands of both programs."""

from __future__ import annotations

import json
import logging
import sys
from functools import cached_property
from importlib import import_module, metadata
from typing import Any

import click

import shortlist
from shortlist.errors import ShortlistError
from shortlist.events.commands import analytics, expire, forget

PACKAGES = ("shortlist", "indexing", "service")
PROGRAMS = PACKAGES[1:]
"""Each has a module `__main__` with a click command `main`. They are found by name and only when
asked, because the core knows no program."""


class Commands(click.Group):
    """Commands that fail with one line, and are listed in their order with whole sentences."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; what it logs, and why it failed, goes to standard error."""
        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        for ours in PACKAGES:
            logging.getLogger(ours).setLevel(logging.INFO)
        try:
            return super().invoke(context)
        except ShortlistError as error:
            problem = str(error)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in PACKAGES:
                raise
            problem = (
                f"{context.invoked_subcommand} needs {error.name}, which is not installed;"
                " install shortlist[indexing] (to evaluate and tune, shortlist[evaluation]; for"
                " events, shortlist[events])"
            )
        click.echo(f"error: {problem}", err=True)
        raise click.exceptions.Exit(1)

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names in the order of definition."""
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its whole first sentence, which click would cut."""
        found = {name: self.get_command(context, name) for name in self.list_commands(context)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=500)) for name, one in found.items() if one]
            )


class Shortlist(Commands):
    """The commands of both programs and its own."""

    @cached_property
    def _found(self) -> dict[str, click.Command]:
        found: dict[str, click.Command] = {}
        for program in PROGRAMS:
            main = import_module(f"{program}.__main__").main
            found.update(main.commands if isinstance(main, click.Group) else {main.name: main})
        found.update(self.commands)
        return found

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names of all commands."""
        return list(self._found)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of this name."""
        return self._found.get(name)


def version() -> str:
    """The installed version, or that there is none."""
    try:
        return metadata.version("shortlist")
    except metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(cls=Shortlist)
@click.version_option(version(), message="%(prog)s %(version)s")
def main() -> None:
    """Search and recommendation over your own catalogue: build it, serve it, look after it."""


@main.command()
@click.argument("text")
@click.option(
    "--artifacts",
    default="data/artifacts",
    show_default=True,
    metavar="DIRECTORY",
    help="The folder, or the address in an object store, that holds published bundles.",
)
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--profile", help="A named set of weights; the catalogue's default one if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def search(text: str, artifacts: str, k: int, profile: str | None, as_json: bool) -> None:
    """Search the live version and print the best items with what their scores are made of."""
    answer = shortlist.open(artifacts).search(text, k=k, profile=profile)
    if as_json:
        click.echo(json.dumps(answer.to_dicts(), indent=1, ensure_ascii=False, allow_nan=False))
        return
    click.echo(answer)
    if answer.no_good_match:
        click.echo("nothing here seems to be about this; these come nearest", err=True)


for command in (analytics, forget, expire):
    main.add_command(command)
