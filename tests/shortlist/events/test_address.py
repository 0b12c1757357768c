"""The url of a store: what it names, and that nothing of it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from shortlist.errors import EventStoreError
from shortlist.events.address import address_of


def test_a_file_and_a_server_are_told_apart() -> None:
    assert address_of("sqlite:///events.db").path == Path("events.db")
    assert address_of("sqlite:////var/lib/a%20shop/events.db").path == Path(
        "/var/lib/a shop/events.db"
    )
    address = address_of("postgresql://anna:secret@db.example/shop")
    assert address.path is None
    assert "secret" not in f"{address!r} {address}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:se@cret@db/shop",
        "postgresql://anna:se/cret@db/shop",
        "postgresql://anna:se#cret@db/shop",
        "postgresql://anna:se%cret@db/shop",
        "postgresql://anna:secret@db:54a/shop",
        "mysql://anna:secret@db/shop",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///secret?mode=ro",
        "secret.db",
        "",
    ],
)
def test_another_url_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(EventStoreError) as found:
        address_of(url)
    assert "cret" not in str(found.value)
