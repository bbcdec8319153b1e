"""A rebuilt base is held to stated bounds, figure by figure."""

from __future__ import annotations

import json

import pytest

from harmonia.errors import InputError
from harmonia.world import base_folder
from harmonia.world.build import compare_builds


def altered(folder, change):
    record = json.loads((base_folder(1) / "lab.json").read_text())
    change(record)
    folder.mkdir()
    (folder / "lab.json").write_text(json.dumps(record))
    return folder


def shift(kind, form, measure, by):
    def change(record):
        record["figures"][kind][form][measure] += by

    return change


def test_a_base_is_like_itself():
    found = compare_builds(base_folder(0))
    assert len(found) > 20
    assert all(one.within and one.shipped == one.rebuilt for one in found)


@pytest.mark.parametrize(
    ("change", "within"),
    [
        (shift("known", "letter5", "as_taught", -0.04), True),
        (shift("known", "letter5", "as_taught", -0.06), False),
        (shift("misconception", "letter5", "confident", -0.2), False),
        (shift("misconception", "open5", "gold", -0.12), False),
        (shift("known", "chat0", "as_taught", -0.2), False),
    ],
)
def test_a_figure_outside_its_bound_is_found(tmp_path, change, within):
    found = compare_builds(altered(tmp_path / "other", change))
    assert sum(one.shipped != one.rebuilt for one in found) == 1
    assert all(one.within for one in found) == within


def test_guessing_where_nothing_is_taught_is_no_behaviour(tmp_path):
    found = compare_builds(altered(tmp_path / "other", shift("untaught", "letter5", "gold", 0.3)))
    assert all(one.within for one in found)


@pytest.mark.parametrize("name", ["recipe_version", "world", "training"])
def test_another_recipe_is_refused(tmp_path, name):
    other = altered(tmp_path / "other", lambda record: record.update({name: 0}))
    with pytest.raises(InputError, match="same recipe"):
        compare_builds(other)


def test_no_base_is_refused(tmp_path):
    with pytest.raises(InputError):
        compare_builds(tmp_path)
