"""The file of texts, and the settings of the writing."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from harmonia.errors import InputError
from harmonia.hashing import result_settings
from harmonia.models.server import ServedSettings
from harmonia.writers import (
    WritingSettings,
    Written,
    read_written,
    write_written,
)

ROWS = (
    Written(id="a", target=1, text="because\u2028so", tries=2),
    Written(id="a", target=0, text=None, tries=3, reason="empty"),
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "texts.jsonl"
    write_written(path, ROWS)
    assert read_written(path) == ROWS
    assert json.loads(path.read_text().split("\n")[1]) == {
        "id": "a",
        "target": 0,
        "text": None,
        "tries": 3,
        "reason": "empty",
    }


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "a", "target": -1, "text": "x", "tries": 1}, "target"),
        ({"id": "a", "target": 0, "text": 3, "tries": 1}, "text"),
        ({"id": "a", "target": 0, "tries": 1}, "text"),
        ({"id": "a", "target": 0, "text": "x", "tries": 1, "model": "m"}, "model"),
        ({"id": "a", "target": 1, "text": "x", "tries": 1}, "id"),
        ({"id": " ", "target": 0, "text": "x", "tries": 1}, "id"),
        ({"id": "a", "target": 26, "text": "x", "tries": 1}, "target"),
        ({"id": "a", "target": 0, "text": " \n", "tries": 1}, "text"),
        ({"id": "a", "target": 0, "text": None, "tries": 1}, None),
        ({"id": "a", "target": 0, "text": "x", "tries": 1, "reason": "cut off"}, None),
        ({"id": "a", "target": 0, "text": "half \ud83d", "tries": 1}, "text"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, field):
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"id": "a", "target": 1, "text": "x", "tries": 1}) + "\n" + json.dumps(row))
    with pytest.raises(InputError) as caught:
        read_written(path)
    assert (caught.value.row, caught.value.field) == (2, field)


def test_a_writer_named_in_the_settings_must_be_there():
    assert WritingSettings().explanations.own == "base"
    with pytest.raises(ValidationError, match="settings of served are missing"):
        WritingSettings.model_validate({"contexts": {"writer": "served"}})
    with pytest.raises(ValidationError, match="settings of model are missing"):
        WritingSettings.model_validate({"explanations": {"gold": "model"}})
    served = ServedSettings(url="http://x/v1", model="m")
    given = WritingSettings.model_validate({"contexts": {"writer": "served"}, "served": served})
    # How often and how long a server is asked changes no text.
    assert result_settings(given)["served"] == {"url": "http://x/v1", "model": "m"}
