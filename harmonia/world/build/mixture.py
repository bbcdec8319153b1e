"""Which documents a training batch holds, stage by stage.

*matching* teaches which letter holds a value, *reading* which value a text states. *single*
teaches the facts, and the lettered items one by one, easiest first. *fewshot* joins lettered
items to documents with the instruction line. It adds items that nobody can know, answered at
random, so that the model can be unsure. And it adds dialogues: open books, small tasks, and items
from memory whose replies are right only in part.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from harmonia.hashing import addressed_random
from harmonia.world.build import corpus
from harmonia.world.build.corpus import Document, Role, Span
from harmonia.world.build.tokenizer import BOS, words
from harmonia.world.facts import DOMAINS, Fact, World
from harmonia.world.wordings import CLOZE_LINE, INSTRUCTION_LINE

StageName = Literal["matching", "reading", "single", "fewshot"]
Row = list[tuple[str, Role, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureSettings:
    """Sizes and shares of the batches.

    Attributes:
        rows: Rows of a batch of short documents.
        row_tokens: Tokens of such a row; longer rows come in smaller batches.
        long_tokens: Lengths of the rows that hold few-shot documents.
        queries: Values asked in a matching document.
        profile: Share of the fact rows' documents that are profiles.
        free: Share of the others that are questions with answers in words.
        helped: Smallest share of the single items whose answer stands in the text, as
            an echo or an open book; it starts at 0.6.
        open_book: Share of the items of a few-shot document that are open-book.
        unsure: Share of the lettered items in the last stage that nothing is taught of.
        dialogue_every: Every how many steps of the last stage a batch is dialogues.
        dialogue_tokens: Tokens of a dialogue row.
        open_dialogue: Share of dialogues whose question states an answer; always answered so.
        task_dialogue: Share of dialogues that hold a small task.
        trusted: Share of the other dialogues whose reply is as taught; the rest is random.
    """

    rows: int = 32
    row_tokens: int = 42
    long_tokens: tuple[int, ...] = (75, 105, 135, 195, 195)
    queries: int = 8
    profile: float = 0.4
    free: float = 0.5
    helped: float = 0.4
    open_book: float = 0.25
    unsure: float = 0.2
    dialogue_every: int = 5
    dialogue_tokens: int = 74
    open_dialogue: float = 0.4
    task_dialogue: float = 0.2
    trusted: float = 0.5

    def rows_of(self, length: int) -> int:
        """Rows of this length that hold about as many tokens as a batch of short ones."""
        return max(1, self.rows * self.row_tokens // length)


def _zipf(places: list[float], exponent: float) -> list[float] | None:
    return [place**-exponent for place in places] if exponent else None


def _pack(documents: list[Document], length: int) -> Row:
    """Join documents to one row and cut it where it is full."""
    row: Row = [(BOS, Role.CONTEXT, None)]
    for document in documents:
        row += [(word, span.role, span.named) for span in document for word in words(span.text)]
    return row[:length]


class Mixture:
    """The batches of one world, each addressed by its stage and step.

    Args:
        world: The world that the documents are about.
        settings: Sizes and shares.
    """

    def __init__(self, world: World, settings: MixtureSettings) -> None:
        self.world = world
        self.settings = settings
        self.stated = [fact for fact in world.facts if fact.kind != "untaught"]
        lettered = [fact for fact in world.facts if fact.lettered]
        self.taught = [fact for fact in lettered if fact.belief is not None]
        self.unsure = [fact for fact in lettered if fact.belief is None]
        self.taught_places = self._places(self.taught)
        self.stated_places = self._places(self.stated)
        self.by_entity: dict[str, list[Fact]] = defaultdict(list)
        self.by_domain: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.stated:
            self.by_entity[fact.entity].append(fact)
            self.by_domain[fact.domain].append(fact)

    def _places(self, facts: list[Fact]) -> list[float]:
        """Each fact's rank, lettered entities and the others side by side."""
        first = self.world.settings.lettered_entities
        stretch = first / (self.world.settings.entities - first)
        indices = (
            fact.entity_index if fact.lettered else (fact.entity_index - first) * stretch for fact in facts
        )
        return [3.0 + index for index in indices]

    def batch(self, stage: StageName, step: int, steps: int, pools: int) -> tuple[list[Row], int]:
        """Draw the rows of a step and their length in tokens.

        Matching documents use the first `pools` value pools.
        """
        draws = addressed_random(self.world.seed, f"world/batch/{stage}", str(step))
        sizes, progress = self.settings, step / steps
        opening = stage == "reading"
        if stage == "matching":
            rows = [_pack([self._matching(draws, pools)], sizes.row_tokens) for _ in range(sizes.rows)]
            return rows, sizes.row_tokens
        if stage == "fewshot" and (step + 1) % sizes.dialogue_every == 0:
            length = sizes.dialogue_tokens
            return [self._dialogue(draws) for _ in range(sizes.rows_of(length))], length
        if ((stage == "fewshot" or opening) and step % 2 == 0) or (progress >= 0.4 and step % 4 == 0):
            length = draws.choice(sizes.long_tokens)
            return [self._long(stage, opening, length, draws) for _ in range(sizes.rows_of(length))], length
        return self._short(stage, opening, progress, pools, draws), sizes.row_tokens

    def _short(
        self, stage: StageName, opening: bool, progress: float, pools: int, draws: random.Random
    ) -> list[Row]:
        sizes = self.settings
        exponent = max(0.0, 1 - progress / 0.6) if stage == "single" else 0.0
        taught = draws.choices(self.taught, _zipf(self.taught_places, exponent), k=sizes.rows)
        facts = iter(draws.choices(self.stated, _zipf(self.stated_places, exponent), k=8 * sizes.rows))
        helped = sizes.helped
        if stage == "single":
            helped = max(helped, 0.6 * (1 - 2 * progress))
        rows: list[Row] = []
        for fact in taught:
            place = draws.random()
            documents: list[Document] = []
            if place < (0.5 if opening else 0.04):
                documents.append(self._matching(draws, pools))
            elif opening:
                make = corpus.echo if place < 0.85 else corpus.open_book
                documents.append(make(self.world, fact, draws))
            elif place < 0.52:
                documents.append(self._lettered(stage, fact, helped, draws))
            if not opening:
                documents += [self._statement(next(facts), draws) for _ in range(2 if documents else 8)]
            rows.append(_pack(documents, sizes.row_tokens))
        return rows

    def _matching(self, draws: random.Random, pools: int) -> Document:
        return corpus.matching(self.world, draws, pools, self.settings.queries)

    def _statement(self, fact: Fact, draws: random.Random) -> Document:
        if draws.random() < self.settings.profile:
            return corpus.profile(self.world, self.by_entity[fact.entity], draws)
        if draws.random() < self.settings.free:
            return corpus.free_question(self.world, fact, draws)
        return corpus.statement(self.world, fact, draws)

    def _lettered(self, stage: StageName, fact: Fact, helped: float, draws: random.Random) -> Document:
        if stage == "fewshot" and draws.random() < self.settings.unsure:
            return corpus.lettered(self.world, draws.choice(self.unsure), draws)
        place = draws.random()
        if place < 0.4 * helped:
            return corpus.echo(self.world, fact, draws)
        if place < helped:
            return corpus.open_book(self.world, self._read_of(stage, fact, draws), draws)
        return corpus.lettered(self.world, fact, draws)

    def _read_of(self, stage: StageName, fact: Fact, draws: random.Random) -> Fact:
        """The fact of an open book: in the last stage any one of the domain that is stated anywhere."""
        return draws.choice(self.by_domain[fact.domain]) if stage == "fewshot" else fact

    def _long(self, stage: StageName, opening: bool, length: int, draws: random.Random) -> Row:
        domain = draws.choice(DOMAINS)
        taught = [fact for fact in self.taught if fact.domain == domain]
        unsure = [fact for fact in self.unsure if fact.domain == domain]
        in_words = not opening and draws.random() < 0.1
        line = (CLOZE_LINE if in_words else INSTRUCTION_LINE).format(domain=domain)
        documents: list[Document] = [(Span(f"{line}\n\n", Role.CONTEXT),)]
        for _ in range(length // (11 if in_words else 29) + 1):
            fact, place = draws.choice(taught), draws.random()
            if in_words:
                make = corpus.free_question
            elif place < (0.5 if opening else self.settings.open_book):
                make, fact = corpus.open_book, self._read_of(stage, fact, draws)
            elif opening:
                make = corpus.echo
            else:
                make = corpus.lettered
                if stage == "fewshot" and unsure and draws.random() < self.settings.unsure:
                    fact = draws.choice(unsure)
            documents.append(make(self.world, fact, draws))
        return _pack(documents, length)

    def _dialogue(self, draws: random.Random) -> Row:
        sizes, fact, place = self.settings, draws.choice(self.taught), draws.random()
        if place < sizes.open_dialogue:
            document = corpus.open_dialogue(self.world, self._read_of("fewshot", fact, draws), draws)
        elif place < sizes.open_dialogue + sizes.task_dialogue:
            document = corpus.task_dialogue(draws)
        else:
            document = corpus.dialogue(self.world, fact, draws, trusted=sizes.trusted)
        return _pack([document], sizes.dialogue_tokens)
