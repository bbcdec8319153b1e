"""What the leakage check finds of overlaps planted into real exams, and of what only looks like one.

    python scripts/leakage_recall.py [COUNT]

The training questions are those of engineering and jurisprudence under HARMONIA_DATA_ROOT. Of
COUNT (60) of them, drawn by address, changed copies make a suite, one for each way of changing.
Prints a table for docs/leakage.md: how many were found with the question they were made of, and as what.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from harmonia.data import ItemSource, read_items
from harmonia.data.leakage import Pool, find_overlaps
from harmonia.hashing import addressed_order, addressed_random
from harmonia.types import Item

SEED = 13
Change = Callable[[Item, random.Random, list[Item]], Item | None]

NUMBER = re.compile(r"\d+")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def exact(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """The copy itself, its options in another order."""
    turn = rng.randrange(1, len(item.choices))
    choices = item.choices[turn:] + item.choices[:turn]
    return replace(item, choices=choices, answer=(item.answer - turn) % len(choices))


def spelling(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """Capitals, and other punctuation at the end."""
    return replace(item, question=item.question.upper().rstrip("_ .?:") + " ... ?")


def changed_gold(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """Another of its options is right."""
    return replace(item, answer=(item.answer + rng.randrange(1, len(item.choices))) % len(item.choices))


def other_gold(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """In place of the right option there is one of another question, and that is right."""
    choices = list(item.choices)
    choices[item.answer] = rng.choice([c for other in others[:50] for c in other.choices if c not in choices])
    return replace(item, choices=tuple(choices))


def prefix(item: Item, rng: random.Random, others: list[Item]) -> Item | None:
    """The first half of its words, or more of them."""
    words = _units(item.question)
    kept = rng.randrange((len(words) + 1) // 2, len(words))
    return replace(item, question=_joined(words[:kept]))


def framed(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """Words before it."""
    return replace(item, question=f"Choose: {item.question}")


def order(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """Its second part before its first."""
    words = _units(item.question)
    cut = rng.randrange(1, len(words))
    return replace(item, question=_joined([*words[cut:], *words[:cut]]))


def typo(item: Item, rng: random.Random, others: list[Item], *, slips: int = 1) -> Item:
    """Letters left out, doubled, mistaken or swapped with the next, so many in all."""
    text = item.question
    for _ in range(slips):
        at = rng.choice(
            [k for k, letter in enumerate(text[:-1]) if letter.isalpha() and text[k + 1].isalpha()]
        )
        one, two = text[at], text[at + 1]
        mistaken = rng.choice(others).question[0] if ord(one) > 0x2E7F else rng.choice(LETTERS)
        slip = rng.choice(["", one + one, mistaken, None])
        text = text[:at] + (two + one + text[at + 2 :] if slip is None else slip + text[at + 1 :])
    return replace(item, question=text)


def typos(item: Item, rng: random.Random, others: list[Item]) -> Item:
    """Two such letters."""
    return typo(item, rng, others, slips=2)


def number(item: Item, rng: random.Random, others: list[Item]) -> Item | None:
    """Not a copy: another number stands in the question."""
    found = NUMBER.search(item.question)
    if found is None:
        return None
    other = rng.choice([k for k in map(str, range(2, 99)) if k != found[0]])
    return replace(item, question=item.question[: found.start()] + other + item.question[found.end() :])


def name(item: Item, rng: random.Random, others: list[Item]) -> Item | None:
    """Not a copy: another name stands in the question."""
    for form, filled in FORMS:
        if item.question[:4] == form[:4]:
            made = [form.format(word[:2]) for word in filled.split()]
            return replace(item, question=rng.choice([one for one in made if one != item.question]))
    found = NAME.search(item.question)
    if found is None:
        return None
    names = {name for other in others[:200] for name in NAME.findall(other.question)} - {found[0]}
    other = rng.choice(sorted(names))
    return replace(item, question=item.question[: found.start()] + other + item.question[found.end() :])


def other_answer(change: Change) -> Change:
    """The same, and another of the options is right."""

    def changed(item: Item, rng: random.Random, others: list[Item]) -> Item | None:
        made = change(item, rng, others)
        return None if made is None else changed_gold(made, rng, others)

    return changed


COPIES: dict[str, Change] = {
    "exact": exact,
    "capitals, punctuation": spelling,
    "changed gold": changed_gold,
    "other gold": other_gold,
    "prefix": prefix,
    "words before it": framed,
    "word order": order,
    "typo, 1 character": typo,
    "typo, 2 characters": typos,
}
OTHERS: dict[str, Change] = {
    "another number": number,
    "another name": name,
    "another number, answer": other_answer(number),
    "another name, answer": other_answer(name),
}

# ruff: noqa: E501
# Chinese questions: a form, and what may stand in it with its answer. Another name is another question.
FORMS: tuple[tuple[str, str], ...] = (
    (
        "世界上国家{}的首都是下列哪一座城市？",
        "法国巴黎 日本东京 埃及开罗 泰国曼谷 英国伦敦 德国柏林 俄国莫斯科 希腊雅典 古巴哈瓦那 挪威奥斯陆",
    ),
    (
        "化学元素{}在元素周期表中使用的符号是什么？",
        "氢气H 氧气O 碳素C 钠盐Na 铁矿Fe 金矿Au 银矿Ag 铜矿Cu 铅矿Pb 锡矿Sn",
    ),
    (
        "文学作品《{}》的作者是下列哪一位作家？",
        "呐喊鲁迅 家春老舍 雷雨曹禺 边城沈从文 围城钱钟书 子夜茅盾 女神郭沫若 背影朱自清 小雅冰心 死水闻一多",
    ),
    (
        "中国古代人物{}生活在下列哪一个朝代？",
        "李白唐代 苏轼宋代 孔丘春秋 屈原战国 司马汉代 曹雪清代 郑和明代 王羲晋代 关汉元代 荆轲秦代",
    ),
    (
        "在人体结构当中，{}的主要功能是下列哪一项？",
        "心脏输送血液 肺部交换气体 肾脏形成尿液 胃部消化食物 肝脏分泌胆汁 骨骼支撑身体 皮肤保护身体 眼睛感受光线 耳朵感受声音 大肠吸收水分",
    ),
    (
        "物理学中，{}这个量的国际单位叫做什么？",
        "力量牛顿 电压伏特 电流安培 电阻欧姆 能量焦耳 功率瓦特 压强帕斯卡 频率赫兹 温度开尔文 电荷库仑",
    ),
)


def chinese() -> list[Item]:
    """Items of the forms; the first two characters of a word are the name, the rest the answer."""
    items = []
    for form, filled in FORMS:
        pairs = [(word[:2], word[2:]) for word in filled.split()]
        for k, (subject, right) in enumerate(pairs):
            wrong = [pairs[(k + step) % len(pairs)][1] for step in (1, 2, 3)]
            items.append(
                Item(
                    id=f"zh-{len(items)}",
                    domain="",
                    question=form.format(subject),
                    choices=(right, *wrong),
                    answer=0,
                )
            )
    return items


def _units(text: str) -> list[str]:
    return text.replace("_", "").split() if " " in text else list(text)


def _joined(units: list[str]) -> str:
    return ("" if all(len(unit) == 1 for unit in units) else " ").join(units)


def copies(drawn: list[Item], change: Change, label: str, count: int) -> list[Item]:
    """So many changed copies, each under the id of what it was made of."""
    made = (change(item, addressed_random(SEED, f"leakage/{label}", item.id), drawn) for item in drawn)
    pairs = zip(drawn, made, strict=True)
    return list(islice((copy for item, copy in pairs if copy is not None and copy != item), count))


def report(changes: dict[str, Change], drawn: dict[str, list[Item]], train: list[Item], count: int) -> None:
    """A line for each way of changing: copies found with what they were made of, and as what."""
    suites = {
        (label, where): copies(items, change, label, count)
        for label, change in changes.items()
        for where, items in drawn.items()
    }
    pools = [Pool(domain="", role="suite", name="|".join(key), items=made) for key, made in suites.items()]
    kinds: dict[str, Counter[str]] = {pool.name: Counter() for pool in pools}
    for overlap in find_overlaps([Pool(domain="", role="train", name="train", items=train), *pools]):
        if overlap.left_id == overlap.right_id:
            kinds[overlap.right][overlap.kind] += 1
    for label in changes:
        found = {where: kinds[f"{label}|{where}"] for where in drawn}
        cells = [f"{found[where].total()} of {len(suites[label, where])}" for where in drawn]
        told = ", ".join(f"`{kind}` {n}" for kind, n in sum(found.values(), Counter[str]()).most_common())
        print("| " + " | ".join([label, *cells, told]) + " |")


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    train: list[Item] = []
    for domain in ("engineering", "jurisprudence"):
        source = ItemSource(path=f"exams/{domain}/train.jsonl", on_bad_row="skip")
        read = read_items(source, Path(os.environ["HARMONIA_DATA_ROOT"])).items
        train += [replace(item, id=f"{domain}-{item.id}") for item in read]
    by_id = {item.id: item for item in train}
    shuffled = [by_id[name] for name in addressed_order(SEED, "leakage", by_id)]
    length = {item.id: len(_units(item.question)) for item in train}
    drawn = {
        "short": [item for item in shuffled if 4 <= length[item.id] < 13],
        "long": [item for item in shuffled if length[item.id] > 15],
        "Chinese": chinese(),
    }
    print("| " + " | ".join(["planted", *drawn, "as"]) + " |\n" + "| --- " * (len(drawn) + 2) + "|")
    # Not all at once: a run of words that more than ten questions hold counts as a form of words.
    for changes in (COPIES, OTHERS):
        report(changes, drawn, [*train, *drawn["Chinese"]], count)


if __name__ == "__main__":
    main()
