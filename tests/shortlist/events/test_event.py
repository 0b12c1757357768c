"""Times and ids of events; user keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shortlist.events.event import item_id_of, micros_of, time_at
from shortlist.events.person import Pseudonyms


def test_times_are_microseconds_of_utc() -> None:
    assert micros_of(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    east = timezone(timedelta(hours=2))
    assert micros_of(datetime(1970, 1, 1, 2, 0, 1, tzinfo=east)) == 1_000_000
    at = datetime(2026, 5, 1, 12, 30, 15, 999_999, tzinfo=UTC)
    assert time_at(micros_of(at)) == at
    assert time_at(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "integers", "item_id"),
    [("7", True, 7), ("-7", True, -7), ("07", True, None), ("x", True, None), ("7", False, "7")],
)
def test_an_item_id_is_typed_as_the_catalogue_types_it(
    text: str, integers: bool, item_id: int | str | None
) -> None:
    found = item_id_of(text, integers=integers)
    assert (found, type(found)) == (item_id, type(item_id))


def test_a_user_key_is_the_id_or_a_keyed_hash_of_it() -> None:
    assert Pseudonyms().of("anna") == "anna"
    # printf anna | openssl dgst -sha256 -hmac secret | cut -c 1-32
    assert Pseudonyms("secret").of("anna") == "72f8b586f76c2f7cac18422e7892bc2b"
    assert Pseudonyms("other").of("anna") != Pseudonyms("secret").of("anna")
    assert "secret" not in repr(Pseudonyms("secret"))
