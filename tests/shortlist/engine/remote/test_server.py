"""A connection to Milvus is patient in turns, so that what it keeps is no long wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from shortlist.engine.remote.server import MilvusServer
from shortlist.errors import RetrievalUnavailable

TURN_S = 0.05


class Client:
    """Connects when it is told to; what it was given."""

    turns: list[float]
    connects: Callable[[int], bool]

    def __init__(self, _uri: str, *, token: str, timeout: float) -> None:
        self.turns.append(timeout)
        if not self.connects(len(self.turns)):
            time.sleep(timeout)
            raise ConnectionError(f"not within {timeout:g} s")

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    own = type("Own", (Client,), {"turns": []})
    monkeypatch.setattr("shortlist.engine.remote.server._client_class", lambda: own)
    monkeypatch.setattr("shortlist.engine.remote.server._CONNECT_S", TURN_S)
    return own


def test_the_wait_that_a_connection_keeps_is_short_however_patient_who_made_it(
    client: type[Client],
) -> None:
    client.connects = staticmethod(lambda n: n == 3)
    assert MilvusServer("http://own").ask(lambda _, s: s, timeout_s=60.0) == 60.0
    assert client.turns == [TURN_S] * 3


def test_the_turns_end_with_the_patience(client: type[Client]) -> None:
    client.connects = staticmethod(lambda _: False)
    began = time.monotonic()
    with pytest.raises(RetrievalUnavailable, match="not within"):
        MilvusServer("http://own").ask(lambda _, s: s, timeout_s=3 * TURN_S)
    assert time.monotonic() - began >= 3 * TURN_S
    assert max(client.turns) <= TURN_S and len(client.turns) >= 3


def test_who_is_refused_at_once_does_not_ask_again(
    client: type[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.connects = staticmethod(lambda _: False)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(RetrievalUnavailable, match="not within"):
        MilvusServer("http://own").ask(lambda _, s: s, timeout_s=60.0)
    assert len(client.turns) == 1
