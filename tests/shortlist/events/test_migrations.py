"""A store's form: made once, the same as the code's, refused when it is a later one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shortlist.errors import EventStoreError
from shortlist.events import migrations
from shortlist.events.address import address_of
from shortlist.events.database import connect
from shortlist.events.schema import REVISION, metadata
from shortlist.events.store import EventStore
from tests.event_stores import event

OPEN = """
import sys
from shortlist.events.store import EventStore
EventStore.open(sys.argv[1]).close()
"""

APPEND = """
import sys
from datetime import UTC, datetime
from shortlist.events.event import Event, EventType
from shortlist.events.store import EventStore
store = EventStore.open(sys.argv[1])
store.append([Event(event_id="a", type=EventType.LIKE, item_id=7, at=datetime.now(UTC))])
print([name for name in ("alembic", "mako") if name in sys.modules])
"""


def test_the_migrations_make_what_the_code_expects(event_store: EventStore) -> None:
    with event_store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION


def test_the_last_step_is_the_one_the_code_names() -> None:
    script = ScriptDirectory(str(Path(migrations.__path__[0])))
    assert script.get_heads() == [REVISION]


def test_several_processes_may_make_a_store_at_once(events_url: str, repository: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, events_url], cwd=repository, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    told = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told


def test_a_store_that_is_up_to_date_loads_no_alembic(
    event_store: EventStore, events_url: str, repository: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", APPEND, events_url],
        cwd=repository, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
    assert event_store.append([event("a")]) == (0, 1)


@pytest.mark.parametrize("writes", [True, False])
def test_a_store_of_a_later_form_is_refused_and_left_as_it_is(
    event_store: EventStore, events_url: str, writes: bool
) -> None:
    with event_store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(EventStoreError, match=f"revision.*9999|{REVISION}, found 9999"):
        EventStore.open(events_url, writes=writes)
    with event_store.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    assert found == "9999"


def test_a_database_without_events_is_told_from_one_with_them(events_url: str) -> None:
    connect(address_of(events_url), makes=True).close()
    with pytest.raises(EventStoreError, match="revision 0001, found none; a service that takes"):
        EventStore.open(events_url, writes=False)
