"""The writers' few-shot prompts: for a base model, an instruction and a few fixed examples.

That is the manner of URIAL (Lin et al. 2024). The examples are ours, on general
knowledge; their answers fall on each letter once, so that the prompt has no favourite.
"""

from __future__ import annotations

from dataclasses import dataclass

from harmonia.prompts.exam import letters
from harmonia.types import Item

STOP = ("\n",)
"""A text is one paragraph, as in the examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """An example: an item whose `explanation` speaks for its answer, and a passage for it."""

    item: Item
    passage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The fixed words of a language's prompts."""

    explain: str
    inform: str
    question: str
    answer: str
    explanation: str
    passage: str
    joint: str


WORDS = {
    "en": Words(
        explain="Each question below is followed by its answer and by one to three sentences that explain "
        "why this is the answer.",
        inform="Each question below is followed by its answer and by a short passage from a textbook. The "
        "passage states the knowledge that the question needs, and does not speak of the question.",
        question="Question:",
        answer="Answer:",
        explanation="Explanation:",
        passage="Passage:",
        joint=" ",
    ),
    "zh": Words(
        explain="下面每个问题之后给出答案，并用一到三句话解释为什么答案是这样。",
        inform="下面每个问题之后给出答案，以及一小段教科书中的文字。这段文字说明回答问题所需的知识，但不提及问题本身。",
        question="问题：",
        answer="答案：",
        explanation="解释：",
        passage="知识：",
        joint="",
    ),
}


def _demonstration(
    name: str, question: str, choices: tuple[str, ...], answer: int, explanation: str, passage: str
) -> Demonstration:
    item = Item(
        id=name, domain="general", question=question, choices=choices, answer=answer, explanation=explanation
    )
    return Demonstration(item=item, passage=passage)


DEMONSTRATIONS = {
    "en": (
        _demonstration(
            "tides",
            "What is the main cause of the tides in the Earth's oceans?",
            ("The rotation of the Sun", "Winds over the sea", "The gravity of the Moon", "Ocean currents"),
            2,
            "The Moon pulls more strongly on the side of the Earth that faces it than on the far side, so "
            "the water bulges on both sides. As the Earth turns, each coast passes through these bulges and "
            "sees the sea rise and fall.",
            "The gravity of the Moon acts more strongly on the near side of the Earth than on the far side. "
            "The oceans bulge on both sides, and coasts that pass through the bulges have high tide.",
        ),
        _demonstration(
            "press",
            "Who introduced printing with movable metal type to Europe in the fifteenth century?",
            ("Johannes Gutenberg", "Galileo Galilei", "Martin Luther", "Leonardo da Vinci"),
            0,
            "Johannes Gutenberg, a goldsmith of Mainz, cast single letters from a metal alloy and printed "
            "the Bible with them around 1455. Martin Luther's writings profited from printing, but only "
            "half a century later.",
            "Johannes Gutenberg of Mainz cast single letters from metal that could be set, printed and used "
            "again. His Bible of about 1455 was the first large book in Europe made in this way.",
        ),
        _demonstration(
            "inflation",
            "What does a central bank usually do to slow down inflation?",
            ("Lower taxes", "Print more money", "Lower interest rates", "Raise interest rates"),
            3,
            "When a central bank raises interest rates, borrowing becomes dearer, so households and firms "
            "spend less and prices rise more slowly. Taxes are set by the government, not by the bank.",
            "Central banks raise interest rates when prices rise too fast. Dearer credit lowers spending and "
            "investment, and with the demand the pressure on prices falls.",
        ),
        _demonstration(
            "insulin",
            "Which organ makes the hormone insulin?",
            ("The liver", "The pancreas", "The kidney", "The stomach"),
            1,
            "Insulin is made by the beta cells of the pancreas, which release it when the sugar in the blood "
            "rises after a meal. The liver stores sugar under its influence but does not make it.",
            "The beta cells of the pancreas release insulin when the sugar in the blood rises. The hormone "
            "lets the cells of the body take up sugar and the liver store it.",
        ),
    ),
    "zh": (
        _demonstration(
            "tides",
            "海洋潮汐的主要成因是什么？",
            ("太阳的自转", "海面上的风", "月球的引力", "洋流"),
            2,
            "月球对地球近月一侧的引力大于远月一侧，海水因此在两侧隆起。地球自转时，海岸依次经过隆起处，海面便随之涨落。",
            "月球的引力在地球近月一侧较强，在远月一侧较弱，海水在两侧隆起，海岸经过隆起处时便是涨潮。",
        ),
        _demonstration(
            "press",
            "十五世纪，谁把金属活字印刷带入欧洲？",
            ("约翰内斯·古腾堡", "伽利略", "马丁·路德", "达·芬奇"),
            0,
            "古腾堡是美因茨的金匠，他用合金铸造单个字母，并在1455年前后用它们印出《圣经》。",
            "约翰内斯·古腾堡用合金铸造可以反复使用的单个字母，1455年前后印成的《圣经》是欧洲第一部这样印制的大书。",
        ),
        _demonstration(
            "inflation",
            "中央银行通常怎样抑制通货膨胀？",
            ("降低税收", "增发货币", "降低利率", "提高利率"),
            3,
            "提高利率使借贷变贵，家庭和企业减少支出，物价上涨随之放慢。税收由政府决定，不由中央银行决定。",
            "物价上涨过快时，中央银行提高利率；借贷变贵使消费和投资减少，需求下降，物价的压力也随之减轻。",
        ),
        _demonstration(
            "insulin",
            "胰岛素由哪个器官分泌？",
            ("肝脏", "胰腺", "肾脏", "胃"),
            1,
            "胰岛素由胰腺中的β细胞分泌，餐后血糖升高时释放。肝脏在它的作用下储存糖，但自己并不分泌它。",
            "胰腺中的β细胞在血糖升高时释放胰岛素，使身体细胞吸收糖，并使肝脏储存糖。",
        ),
    ),
}


def explanation_prompt(item: Item, target: int, language: str = "en") -> str:
    """The prompt that asks why option `target` is the answer."""
    words = WORDS[language]
    solved = [
        f"{_explained(one.item, one.item.answer, words)}{words.joint}{one.item.explanation}"
        for one in DEMONSTRATIONS[language]
    ]
    return "\n\n".join([words.explain, *solved, _explained(item, target, words)])


def passage_prompt(item: Item, language: str = "en") -> str:
    """The prompt that asks for the knowledge behind an item's answer.

    It shows neither letters nor the other options, so that the passage has none to name.
    """
    words = WORDS[language]
    solved = [f"{_informed(one.item, words)}{words.joint}{one.passage}" for one in DEMONSTRATIONS[language]]
    return "\n\n".join([words.inform, *solved, _informed(item, words)])


def _explained(item: Item, target: int, words: Words) -> str:
    named = letters(item)
    lines = [f"{letter}. {text}" for letter, text in zip(named, item.choices, strict=True)]
    return "\n".join(
        [
            f"{words.question}{words.joint}{item.question}",
            *lines,
            f"{words.answer}{words.joint}{named[target]}. {item.choices[target]}",
            words.explanation,
        ]
    )


def _informed(item: Item, words: Words) -> str:
    return "\n".join(
        [
            f"{words.question}{words.joint}{item.question}",
            f"{words.answer}{words.joint}{item.choices[item.answer]}",
            words.passage,
        ]
    )
