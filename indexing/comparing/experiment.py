"""What an experiment has shown so far, as a value and as a few lines of text."""

from __future__ import annotations

from dataclasses import dataclass

from indexing.comparing.outcomes import Collected, Rates, Wins, rates_of, wins_of
from indexing.comparing.preference import Preference, Verdict, n_decided_for
from shortlist.bundle.experiment import Experiment
from shortlist.events.guards import Watch, look
from shortlist.events.store import EventStore, Stopped

_NOTICED = 0.05
"""The smallest difference of the share of wins that is worth being told how long it takes."""


@dataclass(frozen=True)
class Findings:
    """An experiment, what people did in it, how its searches fare, and whether it is stopped.

    `wins` where lists are interleaved, `rates` where a person gets one side or the other.
    """

    experiment: Experiment
    wins: Wins | None
    rates: Rates | None
    guards: Watch
    stopped: Stopped | None

    @property
    def preference(self) -> Preference | None:
        """What is decided by; None where nothing was observed of a side."""
        if self.wins is not None:
            return self.wins.share
        return None if self.rates is None else self.rates.difference


def findings(store: EventStore, experiment: Experiment) -> Findings:
    """What a store knows of an experiment. Raises EventStoreError."""
    collected = Collected()
    for batch in store.query_batches(experiment=experiment.name):
        collected.add(batch)
    interleaved = experiment.kind == "interleaved"
    return Findings(
        experiment=experiment,
        wins=wins_of(collected.drafted) if interleaved else None,
        rates=None if interleaved else rates_of(collected.apart),
        guards=look(store, experiment),
        stopped=store.stopped(experiment.name),
    )


def report(found: Findings) -> str:
    """The findings for people."""
    one = found.experiment
    lines = [
        f"{one.name}: {one.candidate} against {one.control}, {one.kind},"
        f" {one.share:.0%} of the people",
        *(_of_wins(found.wins) if found.wins is not None else []),
        *(_of_rates(found.rates) if found.rates is not None else []),
        f"result      {_verdict(found)}",
        *_of_guards(found),
    ]
    if found.stopped is not None:
        lines.append(f"stopped     {found.stopped.at:%Y-%m-%d %H:%M} UTC: {found.stopped.reason}")
    return "\n".join(lines)


def _of_wins(wins: Wins) -> list[str]:
    lines = [
        f"lists       {wins.lists:,} drafted from both, {wins.clicked:,} with a click; the"
        f" candidate won {wins.wins:,}, lost {wins.losses:,}, tied {wins.ties:,}"
    ]
    if wins.share is not None:
        lines.append(
            f"share       {wins.share.estimate:.3f} of the decided lists are won"
            f" [{wins.share.low:.3f}, {wins.share.high:.3f}], 0.5 without a difference"
        )
        lines.append(
            f"p           {wins.share.p_value:.2g} at any look; sign test {wins.sign_test:.2g}, for"
            " one look chosen beforehand"
        )
    return lines


def _of_rates(rates: Rates) -> list[str]:
    lines = [
        f"{name:<11} {side.searches:,} searches of {side.people:,} people, a click on"
        f" {'none' if side.clicked is None else f'{side.clicked:.1%}'}"
        for name, side in (("control", rates.control), ("candidate", rates.candidate))
    ]
    if rates.difference is not None:
        found = rates.difference
        lines.append(
            f"difference  {found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}] of the share"
            f" with a click; p {found.p_value:.2g} at any look"
        )
    return lines


def _verdict(found: Findings) -> str:
    one, preference = found.experiment, found.preference
    verdict = Verdict.TOO_LITTLE if preference is None else preference.verdict
    match verdict:
        case Verdict.CANDIDATE:
            return f"people prefer {one.candidate}, the candidate"
        case Verdict.CONTROL:
            return f"people prefer {one.control}, the control"
        case Verdict.UNDECIDED:
            return f"no difference is shown yet; {_how_long(found)}"
    return f"not enough has been seen to say anything; {_how_long(found)}"


def _how_long(found: Findings) -> str:
    if found.wins is None:
        return "small differences of shares take tens of thousands of searches"
    decided = found.wins.wins + found.wins.losses
    return (
        f"{decided:,} lists are decided, to tell {0.5 + _NOTICED:.2f} from 0.50 takes about"
        f" {n_decided_for(_NOTICED):,}"
    )


def _of_guards(found: Findings) -> list[str]:
    lines = []
    sides = (("without", found.guards.control), ("with", found.guards.candidate))
    for name, side in sides:
        asked = side.answered + side.failed
        told = "no searches" if not asked else (
            f"{asked:,} searches: {side.failed / asked:.2%} failed,"
            f" {side.empty / max(1, side.answered):.2%} without a result"
        )  # fmt: skip
        slow = "" if side.p99_ms is None else f", 99 % within {side.p99_ms:.1f} ms"
        lines.append(f"{name + ' it':<11} {told}{slow} (a day at most)")
    lines += [f"guard       {broken}" for broken in found.guards.broken(found.experiment.guard)]
    return lines
