"""Options that speak of others are found, in English and Chinese, and names are not taken for them."""

from __future__ import annotations

import pytest

from harmonia.data.other_options import speak_of_others

SPEAKING = [
    *("all of the above", "None of the above.", "either of the above", "Both of the above", "none of above"),
    *("All the above", "All above", "All of the above are correct", "none of the above; it is never known"),
    *("Any of these", "All of these options.", "Neither of these", "all of them", "None", "Both.", "neither"),
    *("None of the answers are right", "All the choices are correct", "All options given are correct"),
    *("both A and B", "Both a and b.", "neither A nor B", "A and C only", "only B", "A, B, and C", "A & D"),
    *("Both (a) and (b)", "(A) and (C)", "either A or B is correct", "all except C", "A but not B"),
    *("both A and B are right; either would do", "All of these options. Some more than others."),
    *("Both 2 and 3", "the above three are right", "Options A and B"),
    *("(C) sand", "c) sand", "c. sand", "(a) sand"),
    *(
        "以上都是",
        "以上都不对",
        "以上选项均正确",
        "上述三项都是",
        "都不是",
        "均可",
        "A和B",
        "仅A",
        "A、B都对",
    ),
]
SILENT = [
    *("iron", "A", "AB", "one", "True", "C. difficile", "E. coli", "(S)-ibuprofen", "a one", "C++"),
    *("Above 1000 °C", "both heat and light", "All ships", "vitamins A and D", "Neither hot nor cold"),
    *("All of them belong to fields that are studied", "1 and 2", "1/2 c", "V = 800 + 150 D", "B12 and D3"),
    *("(i) only", "60分以上", "北京"),
]


@pytest.mark.parametrize("option", SPEAKING)
def test_an_option_that_speaks_of_others(option):
    assert speak_of_others(("iron", "zinc", option, "tin"))


@pytest.mark.parametrize("option", SILENT)
def test_an_option_that_does_not(option):
    assert not speak_of_others(("iron", "zinc", option, "tin"))


def test_labels_of_their_own_places_hold_options_where_they_are():
    assert speak_of_others(("A. iron", "B. zinc", "C. tin"))
    # One name of a germ beside others is no label.
    assert not speak_of_others(("S. aureus", "B. subtilis", "C. tetani"))
    # A letter beyond the options is none of them.
    assert not speak_of_others(("iron", "both E and F"))
    assert speak_of_others((*"uvwxy", "both E and F"))
