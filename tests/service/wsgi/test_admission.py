"""What is refused before Flask sees it, and what never is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from service.problems import REFUSED, PlainProblem
from service.wsgi.admission import Admission, Credentials, Places

Headers = dict[str, str]


class Time:
    """A clock that moves only when told to."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def taken(places: Places) -> int:
    """How many places can be taken one after the other."""
    return next(n for n in itertools.count() if not places.take())


def test_as_many_as_there_are_places_may_come_at_once() -> None:
    places = Places(28)
    assert taken(places) == 28
    places.give_back()
    assert not places.take()  # one was refused a moment ago: now a few places are enough


def test_after_a_refusal_only_a_seventh_of_the_places_is_given_away() -> None:
    places = Places(28, now=Time())
    for _ in range(taken(places)):
        places.give_back()
    assert taken(places) == 4


def test_when_nobody_was_refused_for_a_second_all_places_are_there_again() -> None:
    time = Time()
    places = Places(28, now=time)
    for _ in range(taken(places)):
        places.give_back()
    time.seconds += 0.9
    assert taken(places) == 4
    time.seconds += 0.9
    assert not places.take()
    time.seconds += 1
    assert taken(places) == 28 - 4


def test_however_many_are_refused_all_places_are_tried_again_after_a_while() -> None:
    time = Time()
    places = Places(28, now=time)
    for _ in range(taken(places)):
        places.give_back()
    assert taken(places) == 4
    while time.seconds < Places.SHEDDING_S - 0.5:
        time.seconds += 0.5
        assert taken(places) == 0
    time.seconds += 0.5
    assert taken(places) == 28 - 4


def test_there_is_always_one_place() -> None:
    places = Places(1, now=Time())
    assert taken(places) == 1
    places.give_back()
    assert taken(places) == 1


class Inner:
    """An application that says hello and counts what reached it."""

    def __init__(self) -> None:
        self.reached = 0
        self.closed = 0
        self.error: Exception | None = None

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.reached += 1
        if self.error is not None:
            raise self.error
        start_response("200 OK", [])
        return Body(self)


class Body:
    """Two parts, and a note of its end."""

    def __init__(self, app: Inner) -> None:
        self._app = app

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"hel", b"lo")

    def close(self) -> None:
        self._app.closed += 1


class Client:
    """Requests through an admission of two at a time."""

    def __init__(self, write_places: Places | None = None) -> None:
        self.app = Inner()
        self.times = itertools.count(0.0, 2.0)  # between any two requests all is calm again
        self.rejected: list[str] = []
        self.admission = Admission(
            self.app,
            places=Places(2, now=lambda: next(self.times)),
            credentials=Credentials(api_key="k3y"),
            write_places=write_places,
            rejected=self.rejected.append,
        )

    def begin(self, path: str = "/", **environ: Any) -> tuple[str, Headers, Any]:
        """A request whose answer nobody has read yet."""
        begun: list[Any] = []
        environment = {"REQUEST_METHOD": "GET", "PATH_INFO": path, **environ}
        body = self.admission(environment, lambda *args: begun.append(args))  # type: ignore[arg-type, misc]
        status, headers = begun[0]
        return status, dict(headers), body


@pytest.fixture
def client() -> Client:
    return Client()


def problem(body: Iterable[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(body))
    assert list(found) == ["type", "title", "status", "detail", "errors"]
    return found


def test_one_too_many_is_answered_503_and_told_when_to_come_back(client: Client) -> None:
    held = [client.begin() for _ in range(2)]
    status, headers, body = client.begin()
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "1")
    assert headers["Content-Type"] == "application/problem+json"
    found = problem(body)
    assert found["type"] == "urn:shortlist:problem:overloaded"
    assert headers["Content-Length"] == str(len(json.dumps(found)))
    assert (client.rejected, client.app.reached) == (["overloaded"], 2)
    assert [status for status, _, _ in held] == ["200 OK", "200 OK"]


def test_a_place_is_free_again_when_the_answer_is_closed_and_not_before(client: Client) -> None:
    bodies = [client.begin()[2] for _ in range(2)]
    assert client.begin()[0].startswith("503")
    bodies[0].close()
    assert client.app.closed == 1
    assert client.begin()[0].startswith("200")


def test_a_place_given_back_twice_counts_once(client: Client) -> None:
    _, _, body = client.begin()
    assert b"".join(body) == b"hello"
    body.close()
    body.close()
    held = [client.begin() for _ in range(2)]
    assert client.begin()[0].startswith("503")
    assert len(held) == 2


def test_an_answer_that_nobody_reads_holds_no_place_once_it_is_dropped(client: Client) -> None:
    for _ in range(5):
        assert client.begin()[0].startswith("200")


def test_an_error_inside_gives_the_place_back(client: Client) -> None:
    client.app.error = RuntimeError()
    for _ in range(5):
        with pytest.raises(RuntimeError):
            client.begin()
    client.app.error = None
    assert client.begin()[0].startswith("200")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_watches_the_service_is_always_answered(client: Client, path: str) -> None:
    held = [client.begin() for _ in range(2)]
    assert client.begin(path)[0].startswith("200")
    assert client.begin()[0].startswith("503")
    assert len(held) == 2


def test_head_gets_the_refusals_headers_without_its_body(client: Client) -> None:
    held = [client.begin() for _ in range(2)]
    _, headers, body = client.begin(REQUEST_METHOD="HEAD")
    assert (list(body), int(headers["Content-Length"]) > 0, len(held)) == ([], True, 2)


def test_what_is_no_request_is_refused_before_anything_else(client: Client) -> None:
    refused = PlainProblem(431, "request_header_fields_too_large", "too long")
    status, _, body = client.begin("/v1/search", **{REFUSED: refused})
    assert status.startswith("431")
    assert problem(body)["detail"] == "too long"
    assert (client.rejected, client.app.reached) == (["request_header_fields_too_large"], 0)


def test_without_the_key_there_is_401_and_a_hint(client: Client) -> None:
    status, headers, body = client.begin("/v1/search")
    assert (status, headers["WWW-Authenticate"]) == ("401 Unauthorized", 'Bearer realm="shortlist"')
    assert problem(body)["type"] == "urn:shortlist:problem:unauthorized"
    assert (client.rejected, client.app.reached) == (["unauthorized"], 0)
    assert client.begin("/v1/search", HTTP_X_API_KEY="k3y")[0].startswith("200")


def test_strangers_take_no_places(client: Client) -> None:
    refused = [client.begin("/v1/search") for _ in range(9)]
    held = [client.begin() for _ in range(2)]
    assert {status[:3] for status, _, _ in refused} == {"401"}
    assert {status[:3] for status, _, _ in held} == {"200"}


def test_who_writes_has_places_beside_those_of_searches() -> None:
    client = Client(write_places=Places(1))
    key = {"HTTP_X_API_KEY": "k3y"}
    write = client.begin("/v1/items/7", REQUEST_METHOD="PATCH", **key)
    searches = [client.begin() for _ in range(2)]
    assert {status for status, _, _ in (write, *searches)} == {"200 OK"}
    assert client.begin("/v1/items", REQUEST_METHOD="POST", **key)[0].startswith("503")
    assert client.begin("/v1/items/7", **key)[0].startswith("503")
    write[2].close()
    again = client.begin("/v1/items", REQUEST_METHOD="POST", **key)
    assert again[0].startswith("200")
    assert client.begin()[0].startswith("503")


def test_places_that_stay_as_many_however_many_come() -> None:
    places = Places(3, few=3, now=lambda: 1.0)
    assert [places.take() for _ in range(4)] == [True, True, True, False]
    places.give_back()
    assert places.take()
