"""Searches that take part in an experiment: who, how, and that every list stays one list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shortlist.bundle.experiment import Experiment, Variant
from shortlist.engine.answer import Answer
from shortlist.engine.conditions import Categories, Filters
from shortlist.engine.cursor import decode_cursor, encode_cursor
from shortlist.engine.query import PopularQuery, RankedQuery, SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.trial import Trial, enrolled
from shortlist.errors import InvalidParameter

CONTROL, CANDIDATE = "notebook", "tuned"
INTERLEAVED = Experiment(name="words", control=CONTROL, candidate=CANDIDATE, share=0.9)
SPLIT = Experiment(name="words", control=CONTROL, candidate=CANDIDATE, kind="split", share=1.0)
QUERY = SearchQuery(q="a heist that goes wrong", k=7)


def with_experiment(snapshot: Snapshot, experiment: Experiment | None) -> Snapshot:
    manifest = snapshot.bundle.manifest.model_copy(update={"experiment": experiment})
    return replace(snapshot, bundle=replace(snapshot.bundle, manifest=manifest))


@pytest.fixture(scope="module")
def interleaving(sample_snapshot: Snapshot) -> Snapshot:
    return with_experiment(sample_snapshot, INTERLEAVED)


def person_of(experiment: Experiment, query: RankedQuery, *, variant: Variant | None = None) -> str:
    """The first of many people who takes part, on this side."""
    for number in range(1000):
        trial = enrolled(experiment, query, f"p{number}")
        if trial is not None and trial.variant is variant:
            return f"p{number}"
    raise AssertionError("nobody takes part")


def asked(snapshot: Snapshot, query: Any, person: str | None = None, **values: object) -> Answer:
    changed = query.model_copy(update=values)
    experiment = snapshot.bundle.manifest.experiment
    return ask(snapshot, changed, experiment=experiment, visitor=person)


def ids(answer: Answer) -> list[int | str]:
    return [one.item_id for one in answer.results]


def pages(snapshot: Snapshot, query: Any, person: str | None) -> list[Answer]:
    found = [asked(snapshot, query, person)]
    while found[-1].next is not None:
        found.append(asked(snapshot, query, person, cursor=found[-1].next))
    return found


def test_a_share_of_the_people_takes_part_and_half_of_it_on_each_side() -> None:
    experiment = SPLIT.model_copy(update={"share": 0.4})
    trials = [enrolled(experiment, QUERY, f"p{number}") for number in range(5000)]
    variants = [trial.variant for trial in trials if trial is not None]
    # 5,000 · 0.4 = 2,000 ± 4 · 34.6, and half of those ± 4 · 22.4
    assert len(variants) == pytest.approx(2000, abs=139)
    assert variants.count(Variant.CANDIDATE) == pytest.approx(len(variants) / 2, abs=90)
    again = [enrolled(experiment, QUERY, f"p{number}") for number in range(5000)]
    assert again == trials


def test_somebody_is_on_one_side_of_an_experiment_whatever_is_asked() -> None:
    person = person_of(SPLIT, QUERY, variant=Variant.CANDIDATE)
    for text in ("love", "space travel", "war"):
        trial = enrolled(SPLIT, SearchQuery(q=text), person)
        assert trial is not None
        assert trial.variant is Variant.CANDIDATE


def test_without_a_person_each_list_is_drawn_for_itself() -> None:
    trials = [enrolled(INTERLEAVED, QUERY, None) for _ in range(200)]
    seeds = [trial.seed for trial in trials if trial is not None]
    assert len(set(seeds)) == len(seeds) > 150


@pytest.mark.parametrize(
    "query",
    [
        SearchQuery(q="love", profile=CONTROL),
        SearchQuery(q="love", weights={"similarity": 1.0}),
        SearchQuery(q="love", sort=("year:desc",)),
        SearchQuery(q=" ", filters=Filters(categories=Categories(any=("Drama",)))),
        PopularQuery(),
    ],
)
def test_who_says_how_to_rank_takes_no_part(interleaving: Snapshot, query: Any) -> None:
    answers = [asked(interleaving, query, f"p{number}") for number in range(5)]
    assert {one.experiment for one in answers} == {None}
    assert {result.team for one in answers for result in one.results} == {None}


def test_a_list_is_drafted_from_those_of_both_profiles(interleaving: Snapshot) -> None:
    person = person_of(INTERLEAVED, QUERY)
    answer = asked(interleaving, QUERY, person, k=20)
    assert (answer.experiment, answer.variant, answer.profile) == ("words", None, CONTROL)
    lists = {
        team: ids(asked(interleaving, QUERY, profile=name, k=50))
        for team, name in (("A", CONTROL), ("B", CANDIDATE))
    }
    for team, ranked in lists.items():
        chosen = [ranked.index(one.item_id) for one in answer.results if one.team == team]
        assert chosen == sorted(chosen)
        # each is the best of its list that did not stand above it
        for result in answer.results:
            if result.team == team:
                above = {one.item_id for one in answer.results[: result.rank - 1]}
                assert next(one for one in ranked if one not in above) == result.item_id
    teams = [one.team for one in answer.results]
    assert abs(teams.count("A") - teams.count("B")) <= 1
    assert [one.rank for one in answer.results] == list(range(1, 21))


def test_each_result_is_explained_by_the_profile_that_placed_it(interleaving: Snapshot) -> None:
    person = person_of(INTERLEAVED, QUERY)
    answer = asked(interleaving, QUERY, person, k=20, explain=True, highlights=True)
    alone = {
        team: {
            one.item_id: one
            for one in asked(
                interleaving, QUERY, profile=name, k=50, explain=True, highlights=True
            ).results
        }
        for team, name in (("A", CONTROL), ("B", CANDIDATE))
    }
    assert {one.team for one in answer.results} >= {"A", "B"}
    for one in answer.results:
        own = alone[one.team or "A"][one.item_id]
        assert replace(one, rank=own.rank, team=None) == own


@pytest.mark.parametrize("person", ["p", None])
@pytest.mark.parametrize("k", [1, 7, 40])
@pytest.mark.parametrize("filters", [Filters(), Filters(categories=Categories(any=("War",)))])
def test_pages_joined_are_one_list_of_everything_both_profiles_rank(
    interleaving: Snapshot, filters: Filters, k: int, person: str | None
) -> None:
    experiment = INTERLEAVED.model_copy(update={"name": "all", "share": 0.9})
    snapshot = with_experiment(interleaving, experiment)
    query = QUERY.model_copy(update={"k": k, "filters": filters})
    while True:  # without a person whether a list takes part is drawn for each
        whole = pages(snapshot, query, person and person_of(experiment, query))
        if whole[0].experiment is not None:
            break
    found = [one for page in whole for one in ids(page)]
    assert len(set(found)) == len(found)
    sides = [pages(interleaving, query.model_copy(update={"profile": name}), None)
             for name in (CONTROL, CANDIDATE)]  # fmt: skip
    assert set(found) == {one for side in sides for page in side for one in ids(page)}
    assert [one.rank for page in whole for one in page.results] == list(range(1, len(found) + 1))
    assert {page.experiment for page in whole} == {"all"}


def test_a_longer_page_begins_like_a_shorter_one(interleaving: Snapshot) -> None:
    person = person_of(INTERLEAVED, QUERY)
    longest = asked(interleaving, QUERY, person, k=40)
    for k in (1, 5, 39):
        page = asked(interleaving, QUERY, person, k=k)
        assert [(one.item_id, one.team) for one in page.results] == [
            (one.item_id, one.team) for one in longest.results[:k]
        ]


def test_a_list_goes_on_as_it_began_when_the_experiment_is_stopped(interleaving: Snapshot) -> None:
    person = person_of(INTERLEAVED, QUERY)
    first = asked(interleaving, QUERY, person)
    whole = asked(interleaving, QUERY, person, k=14)
    later = QUERY.model_copy(update={"cursor": first.next})
    second = ask(interleaving, later, experiment=None, visitor="somebody else")
    assert ids(first) + ids(second) == ids(whole)
    assert second.experiment == "words"
    anew = ask(interleaving, QUERY, experiment=None, visitor=person)
    assert (anew.experiment, anew.variant) == (None, None)
    assert ids(anew) == ids(asked(interleaving, QUERY, profile=CONTROL))


@pytest.mark.parametrize("variant", list(Variant))
def test_a_split_shows_one_profile_on_every_page(
    sample_snapshot: Snapshot, variant: Variant
) -> None:
    snapshot = with_experiment(sample_snapshot, SPLIT)
    person = person_of(SPLIT, QUERY, variant=variant)
    name = CANDIDATE if variant is Variant.CANDIDATE else CONTROL
    first = asked(snapshot, QUERY, person)
    later = QUERY.model_copy(update={"cursor": first.next})
    second = ask(snapshot, later, visitor="somebody else")
    assert {one.variant for one in (first, second)} == {variant}
    assert {one.profile for one in (first, second)} == {name}
    assert ids(first) + ids(second) == ids(asked(snapshot, QUERY, profile=name, k=14))
    assert {one.team for one in first.results} == {None}


def test_a_text_of_signs_alone_is_answered_as_without_an_experiment(
    sample_snapshot: Snapshot,
) -> None:
    query = SearchQuery(q="-war", k=5)
    for experiment in (INTERLEAVED, SPLIT):
        snapshot = with_experiment(sample_snapshot, experiment)
        for number in range(6):
            found = asked(snapshot, query, f"p{number}")
            assert (found.experiment, ids(found)) == (None, ids(ask(sample_snapshot, query)))


def test_both_profiles_rank_what_one_encoding_and_one_retrieval_found(
    interleaving: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"encode": 0, "retrieve": 0}

    class Counted:
        def __init__(self, whole: Any, name: str) -> None:
            self._whole, self._name = whole, name

        def __getattr__(self, name: str) -> Any:
            counts[self._name] += name == self._name
            return getattr(self._whole, name)

    snapshot = replace(
        interleaving,
        encoder=Counted(interleaving.encoder, "encode"),
        retriever=Counted(interleaving.retriever, "retrieve"),
    )
    person = person_of(INTERLEAVED, QUERY)
    asked(snapshot, QUERY, person)
    # "tuned" looks for words and titles, "notebook" does not: it gathers for itself
    assert counts == {"encode": 1, "retrieve": 2}
    experiment = INTERLEAVED.model_copy(update={"candidate": "similarity"})
    asked(with_experiment(snapshot, experiment), QUERY, person_of(experiment, QUERY))
    assert counts == {"encode": 2, "retrieve": 3}


def test_a_trial_comes_back_from_its_text() -> None:
    for trial in (Trial(SPLIT, Variant.CONTROL), Trial(INTERLEAVED, seed=bytes(range(16)))):
        assert Trial.of(str(trial), trial.experiment) == trial


@pytest.mark.parametrize("trial", ["x", "CONTROL", "0" * 31, "0" * 33, "é" * 32, 7, ["control"]])
def test_a_cursor_with_another_trial_is_refused(interleaving: Snapshot, trial: Any) -> None:
    cursor = decode_cursor(asked(interleaving, QUERY, person_of(INTERLEAVED, QUERY)).next or "")
    with pytest.raises(InvalidParameter, match="cursor: expected"):
        asked(interleaving, QUERY, cursor=encode_cursor(replace(cursor, trial=trial)))


def test_a_trial_is_refused_where_the_version_has_no_experiment(
    sample_snapshot: Snapshot, interleaving: Snapshot
) -> None:
    cursor = asked(interleaving, QUERY, person_of(INTERLEAVED, QUERY)).next
    with pytest.raises(InvalidParameter, match="cursor: expected"):
        asked(sample_snapshot, QUERY, cursor=cursor)


def test_an_item_blocked_before_a_list_is_drafted_is_on_neither_side(
    interleaving: Snapshot,
) -> None:
    person = person_of(INTERLEAVED, QUERY)
    first = asked(interleaving, QUERY, person)
    row = interleaving.bundle.ids.row_of(first.results[0].item_id)
    blocked = replace(interleaving, blocked_rows=np.array([row]))
    assert first.results[0].item_id not in ids(asked(blocked, QUERY, person, k=50))
