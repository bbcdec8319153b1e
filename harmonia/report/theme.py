"""The look that all charts share.

Colours of groups are from Okabe and Ito (2008, jfly.uni-koeln.de/color), which people
with any common colour blindness can tell apart.
"""

from __future__ import annotations

from typing import Any

from harmonia.report.words import ratio_of

INK = "#1c2127"
PAPER = "#fefefe"
BLANK = "#c9ced4"
RULE = "#9aa1a9"
"""Ink, paper and blank mean nothing else, so that the page can put its own colours in their place."""

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
WIDTH = 320

_COLOURS = {
    "base": INK,
    "harmonious": "#0072b2",
    "incompatible": "#d55e00",
    "self_aligning": "#009e73",
    "contextualised": "#cc79a7",
    "mixed": "#e69f00",
    "general_only": "#56b4e9",
    "random_wrong": "#7f4f24",
    "permuted": "#6a4c93",
}
PROBE = "#5b7c99"
SUITE_SHAPES = ("circle", "square", "triangle-up", "diamond")
SUITE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
OUTCOME_COLOURS = ("#56b4e9", "#009e73", "#e69f00", BLANK)
ON_SHADE = "#1b1b1b"
"""Text on a shade, which stays light in the dark."""


def family(group: str) -> str:
    """The group, or `mixed` for a mixture of any ratio."""
    return group if ratio_of(group) is None else "mixed"


def colour_of(group: str) -> str:
    """The colour of a group, the same in every chart."""
    return _COLOURS.get(family(group), RULE)


def config() -> dict[str, Any]:
    """Vega-Lite's settings for all charts."""
    text = {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": 600,
    }
    return {
        "aria": False,  # the drawing as a whole has a text, and each number stands in a table
        "background": PAPER,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {**text, "domainColor": RULE, "tickColor": RULE, "gridColor": RULE, "gridOpacity": 0.25},
        "legend": {
            **text,
            "orient": "bottom",
            "columns": 3,
            "symbolFillColor": INK,
            "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
        },
        "header": {**text, "labelFontSize": 12, "labelFontWeight": 600, "labelAnchor": "start"},
        "title": {"color": INK, "anchor": "start", "fontSize": 13},
    }
