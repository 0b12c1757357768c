"""Changes from a file: published whole, once, and refused by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from indexing.changing.carried import Carrying
from indexing.changing.file import apply_file
from indexing.changing.publisher import Publisher
from indexing.job import build
from shortlist.bundle.changes import Change, Op
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.command import main
from shortlist.errors import BundleUnsupported, CatalogError, GateError

LAMP = {"sku": "new", "name": "green lamp", "kinds": ["A", "D"], "price": 3, "tags": ["fine"]}
UPSERT = {"op": "upsert", "item": LAMP}
PATCH = {"op": "patch", "item_id": "s1", "set": {"price": 99}}
DELETE = {"op": "delete", "item_id": "s2"}


@pytest.fixture
def changes(tmp_path: Path) -> Any:
    """Writes a file of changes, one a line."""

    def write(*lines: object) -> Path:
        path = tmp_path / "changes.jsonl"
        path.write_text(
            "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
        )
        return path

    return write


def live(store: ArtifactStore) -> Bundle:
    return open_bundle(store.live_folder())


def row(bundle: Bundle, item_id: str) -> int:
    found = bundle.ids.row_of(item_id)
    assert found is not None
    return found


def test_all_kinds_of_changes_are_published_together(goods: ArtifactStore, changes: Any) -> None:
    before = live(goods)
    report = apply_file(goods, changes(UPSERT, PATCH, DELETE))
    after = live(goods)
    assert (report.version, report.n_changes, report.n_items) == (after.version, 3, 7)
    assert after.n_items == before.n_items and after.ids.row_of("s2") is None
    new = row(after, "new")
    assert new == 6, "new items come last"
    assert after.items.titles[new].as_py() == "green lamp"
    assert after.items.categories.of(new) == ["A", "D"]
    assert after.items.attributes["price"][row(after, "s1")].as_py() == 99.0
    assert after.items.display["subtitle"][row(after, "s1")].as_py() == "Acme · 99.0"
    assert after.items.attributes["price"][row(after, "s3")].as_py() == 3.5


def test_a_patch_of_an_attribute_encodes_nothing_and_keeps_every_segment(
    goods: ArtifactStore, changes: Any
) -> None:
    before = live(goods)
    report = apply_file(goods, changes(PATCH))
    after = live(goods)
    assert report.counts is not None and report.counts.encoded == 0
    assert [one.info for one in after.segments] == [one.info for one in before.segments]
    shared = {
        name
        for name in set(after.manifest.files) & set(before.manifest.files)
        if (after.folder / name).samefile(before.folder / name)
    }
    own = set(after.manifest.files) - shared
    assert own == {"items.arrow", "source/changed.arrow"}


def test_changes_are_passed_over_the_second_time(goods: ArtifactStore, changes: Any) -> None:
    path = changes({**UPSERT, "sequence": 4}, {**PATCH, "sequence": 7})
    first = apply_file(goods, path)
    again = apply_file(goods, path)
    assert (again.published, again.version, again.n_changes) == (False, first.version, 0)
    assert live(goods).manifest.applied == {"file": 7}
    more = apply_file(goods, changes({**PATCH, "sequence": 7}, {**DELETE, "sequence": 8}))
    assert (more.n_changes, live(goods).manifest.applied) == (1, {"file": 8})


BAD = [
    ("{", "line 2: not JSON: Expecting property name"),
    ({"op": "patch", "item_id": "nobody", "set": {"price": 1}}, "line 2: no item has the id"),
    ({"op": "patch", "item_id": "s1", "set": {"prize": 1}}, "line 2: set.prize: no such column"),
    ({"op": "upsert", "item": {"sku": "x"}}, "line 2: item.name: expected a value, found none"),
    ({**DELETE, "sequence": "one"}, "line 2: sequence: expected an integer of 1 or more"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), BAD)
def test_a_bad_line_is_named_and_nothing_is_published(
    goods: ArtifactStore, changes: Any, line: object, said: str
) -> None:
    before = goods.current()
    path = changes(PATCH, line)
    with pytest.raises(CatalogError) as caught:
        apply_file(goods, path)
    assert said in str(caught.value)
    assert "nothing was published; --skip-bad leaves these out" in str(caught.value)
    assert goods.current() == before
    report = apply_file(goods, path, skip_bad=True)
    assert report.n_changes == 1 and list(report.left_out) == ["line 2"]
    bundle = live(goods)
    assert bundle.items.attributes["price"][row(bundle, "s1")].as_py() == 99.0


def test_sequence_numbers_must_rise(goods: ArtifactStore, changes: Any) -> None:
    with pytest.raises(CatalogError, match="expected sequence numbers that rise"):
        apply_file(goods, changes({**PATCH, "sequence": 2}, {**DELETE, "sequence": 1}))


def test_too_many_deletions_need_force_and_none_may_be_left(
    goods: ArtifactStore, changes: Any
) -> None:
    path = changes(*({"op": "delete", "item_id": f"s{n}"} for n in range(3)))
    with pytest.raises(
        GateError, match=r"too much would be gone: 3 of 7 items \(42.9%, at most 20"
    ):
        apply_file(goods, path)
    assert apply_file(goods, path, force=True).n_items == 4
    rest = changes(*({"op": "delete", "item_id": one} for one in ("s3", "s4", "s5", "stays")))
    with pytest.raises(CatalogError, match="no item would be left"):
        apply_file(goods, rest, force=True)


def test_nothing_to_change_publishes_nothing(goods: ArtifactStore, changes: Any) -> None:
    before = goods.current()
    assert not apply_file(goods, changes({"op": "delete", "item_id": "nobody"})).published
    assert not apply_file(goods, changes("")).published
    assert goods.current() == before


def test_a_build_wins_over_changes_and_rollback_takes_them_back(
    goods: ArtifactStore, changes: Any
) -> None:
    first = goods.current()
    apply_file(goods, changes(UPSERT, {**PATCH, "sequence": 3}))
    report = build(goods.root.parent / "catalogue" / "catalog.toml", goods.root)
    bundle = live(goods)
    assert report.published and bundle.ids.row_of("new") is None
    assert bundle.items.attributes["price"][row(bundle, "s1")].as_py() == 1.5
    assert bundle.manifest.applied == {"file": 3}, "changes of a file are not made twice"
    with goods.lock():
        goods.rollback(str(first))
    assert live(goods).items.attributes["price"][1].as_py() == 1.5


def test_a_version_from_before_there_were_changes_says_so(
    goods: ArtifactStore, changes: Any, repository: Path, tmp_path: Path
) -> None:
    (old,) = (repository / "tests/bundles/format-6").iterdir()
    root = tmp_path / "old"
    root.mkdir()
    (root / old.name).symlink_to(old)
    (root / "CURRENT").write_text(f"{old.name}\n")
    with pytest.raises(BundleUnsupported, match="build the catalogue again"):
        apply_file(ArtifactStore(root), changes(PATCH))


def test_the_command_tells_what_it_did(goods: ArtifactStore, changes: Any) -> None:
    path = changes(UPSERT, PATCH, "{")
    command = ["apply", str(path), "--artifacts", str(goods.root)]
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1 and "line 3: not JSON" in refused.output
    done = CliRunner().invoke(main, [*command, "--skip-bad"])
    assert done.exit_code == 0
    assert "2 changes, 1 left out, 8 items, 1 encoded" in done.output
    again = CliRunner().invoke(main, ["compact", "--artifacts", str(goods.root)])
    assert "nothing to change" in again.output


def test_an_item_deleted_and_put_in_again_comes_last_and_the_others_keep_theirs(
    goods: ArtifactStore, changes: Any
) -> None:
    target = Publisher(goods).target()
    again = [Change(Op.DELETE, "s0", {}), Change(Op.UPSERT, "s0", {"sku": "s0", "name": "x"})]
    folded = target.fold(again)
    assert folded.rows.tolist() == [-1, 0, 1, 2, 3, 4, 5] and folded.n_items == 7
    carrying = Carrying(target.live, folded, np.ones(1, np.bool_))
    assert not carrying.same_rows, "what was learnt of rows has to move with them"
    still = target.fold([Change(Op.PATCH, "s0", {"price": 1})])
    assert Carrying(target.live, still, np.zeros(1, np.bool_)).same_rows


def test_every_bad_line_is_left_out_also_where_one_hides_another(
    goods: ArtifactStore, changes: Any
) -> None:
    path = changes(
        {"op": "patch", "item_id": "nobody", "set": {"price": 1}},
        {"op": "upsert", "item": {"sku": "long", "name": "x", "kinds": ["A"] * 1001}},
        {"op": "patch", "item_id": "long", "set": {"price": 2}},
        PATCH,
    )
    report = apply_file(goods, path, skip_bad=True)
    assert list(report.left_out) == ["line 2", "line 1", "line 3"]
    assert report.n_changes == 1


def test_a_listed_value_with_the_separator_in_it_stays_one(
    goods: ArtifactStore, changes: Any
) -> None:
    apply_file(
        goods,
        changes(
            {"op": "upsert", "item": {"sku": "p", "name": "p", "kinds": ["A|B"]}},
            {"op": "upsert", "item": {"sku": "q", "name": "q", "kinds": "A|C"}},
        ),
    )
    bundle = live(goods)
    assert bundle.items.categories.of(row(bundle, "p")) == ["A|B"]
    assert bundle.items.categories.of(row(bundle, "q")) == ["A", "C"]
