"""Marks that make another number or word: what a comparison of texts must not drop.

Of "3.5", "-5", "1/2", "10:30", "1e-3" or "C#" a rule that drops punctuation makes another
answer. Commas between thousands are no such marks, nor are signs of a unit ("50%", "$5").
"""

from __future__ import annotations

import re

_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\uff0d", "-"))
_GROUPED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_NO_ZERO = re.compile(r"(?<![\w.])\.(?=\d)")
_KEPT = re.compile(
    r"((?<=\d)[.,:/^*'’-]-?(?=\d)"  # between digits: 3.5, 1/2, 10^-3
    r"|(?<=\d[eE])-(?=\d)"  # 1e-3
    r"|(?<!\w)-(?=[$€£¥]?\d)"  # a sign: -5
    r"|(?<=\w)[+#-]+(?!\w))"  # at the end of a word: C++, A-, Ca2+
)


def apart(text: str) -> list[str]:
    """Cut a text into what may be normalised (even places) and marks to keep (odd places).

    Dashes of all kinds become "-", commas between thousands are gone, ".5" is "0.5".
    """
    plain = _NO_ZERO.sub("0.", text.translate(_DASHES))
    return _KEPT.split(_GROUPED.sub(lambda number: number[0].replace(",", ""), plain))
