"""The commands that look after events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shortlist.events.store import EventStore

_events = click.option(
    "--events",
    "url",
    required=True,
    envvar="SHORTLIST_EVENTS",
    show_envvar=True,
    help="Where events are kept: sqlite:///file or postgresql://user:password@host/name.",
)


@contextmanager
def _opened(url: str) -> Iterator[EventStore]:
    from shortlist.events.store import EventStore

    store = EventStore.open(url, writes=False)
    try:
        yield store
    finally:
        store.close()


@click.command()
@click.option("--user", required=True, help="The user's id, as events and ratings name them.")
@_events
@click.option(
    "--user-key",
    default="",
    envvar="SHORTLIST_USER_KEY",
    show_envvar=True,
    help="The key that user ids are hashed with, if there is one.",
)
def forget(user: str, url: str, user_key: str) -> None:
    """Remove what is known of USER; the next build leaves their ratings out too."""
    from shortlist.events.person import Pseudonyms

    with _opened(url) as store:
        n_events, n_queries = store.forget(Pseudonyms(user_key).of(user))
    click.echo(f"removed {n_events} events and {n_queries} answers")
    click.echo("next: shortlist build, which forgets what was learnt from them")


@click.command()
@click.option("--days", required=True, type=click.IntRange(min=1), help="How old they may be.")
@_events
def expire(days: int, url: str) -> None:
    """Remove events and answers that are older than DAYS."""
    with _opened(url) as store:
        n_events, n_queries = store.prune(datetime.now(UTC) - timedelta(days=days))
    click.echo(f"removed {n_events} events and {n_queries} answers")


@click.command()
@_events
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 366),
    help="How many days, today included.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--csv",
    "table",
    type=click.Choice(["days", "texts", "profiles", "slow"]),
    help="Print one table as CSV.",
)
def analytics(url: str, days: int, as_json: bool, table: str | None) -> None:
    """Say what is searched for, what is found, and what is opened."""
    from shortlist.events import printed
    from shortlist.events.analytics import analyse

    with _opened(url) as store:
        found = analyse(store, days=days)
    if as_json:
        click.echo(printed.as_json(found))
    elif table is not None:
        click.echo(printed.as_csv(found, table), nl=False)
    else:
        click.echo(printed.as_text(found))
