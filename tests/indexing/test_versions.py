"""What is told of published versions."""

from __future__ import annotations

from indexing.versions import list_versions, versions_table
from shortlist.bundle.store import ArtifactStore
from tests.publishing import Publisher


def test_a_version_of_a_clock_that_ran_ahead_has_no_age_below_nothing(publisher: Publisher) -> None:
    ahead = publisher.publish(lambda raw: raw.update(created_at="2099-12-31T23:59:59.999Z"))
    (row,) = rows = list_versions(ArtifactStore(publisher.root))
    assert (row.version, row.live, row.age_s, row.problem) == (ahead, True, 0.0, None)
    assert " 0 s " in versions_table(rows)
