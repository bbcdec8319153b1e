"""What a lab base answers, per kind of fact: the figures that go into its `lab.json`.

A plain loop of the lab's own, so that a base can be judged where it is built. The
forms: `letter5` and `cloze5` behind five demonstrations, `open5` the same as `letter5`
with the item's explanation before its question, `chat0` in the chat template. `open0`
is `chat0` with the explanation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harmonia.hashing import addressed_random
from harmonia.types import Item
from harmonia.world.facts import DOMAINS, KINDS, World
from harmonia.world.items import LabItem, demonstrations, split_items
from harmonia.world.wordings import CHAT_OPENING, CLOZE_LINE, INSTRUCTION_LINE, LETTERS, options_text

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

FORMS = ("letter5", "cloze5", "open5", "chat0", "open0")
_SHOTS = 5
_BATCH = 64
_PER_KIND = 200


def render(world: World, item: Item, form: str) -> tuple[str, tuple[str, ...]]:
    """The text before the answer, and one single-token answer per option."""
    question = f"{item.explanation}\n{item.question}" if form.startswith("open") else item.question
    body = f"{options_text(item.choices)}{question}\nAnswer:"
    if form in ("chat0", "open0"):
        return f"{CHAT_OPENING} USER: {body} ASSISTANT:", LETTERS
    shown = addressed_random(world.seed, "world/figures", item.id).sample(
        demonstrations(world, item.domain), _SHOTS
    )
    head = f"{INSTRUCTION_LINE.format(domain=item.domain)}\n\n"
    if form == "cloze5":
        blocks = [f"{lab.item.question}\nAnswer: {lab.item.choices[lab.item.answer]}\n\n" for lab in shown]
        head = f"{CLOZE_LINE.format(domain=item.domain)}\n\n"
        return f"{head}{''.join(blocks)}{item.question}\nAnswer:", item.choices
    blocks = [
        f"{options_text(lab.item.choices)}{lab.item.question}\nAnswer: {LETTERS[lab.item.answer]}\n\n"
        for lab in shown
    ]
    return f"{head}{''.join(blocks)}{body}", LETTERS


def answer_probabilities(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    asked: list[tuple[str, tuple[str, ...]]],
) -> list[list[float]]:
    """Probabilities of the four answers at the next token, one list a prompt, each summing to 1."""
    import torch

    encoded: list[list[int]] = [tokenizer(text)["input_ids"] for text, _ in asked]
    answers = torch.tensor([tokenizer.convert_tokens_to_ids(list(options)) for _, options in asked])
    order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
    found: list[list[float]] = [[] for _ in encoded]
    network: Any = model
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        length = max(len(encoded[place]) for place in chosen)
        ids = torch.zeros(len(chosen), length, dtype=torch.long)
        for row, place in enumerate(chosen):
            ids[row, : len(encoded[place])] = torch.tensor(encoded[place])
        last = torch.tensor([len(encoded[place]) - 1 for place in chosen])
        with torch.no_grad():
            # Padding stands behind the last token, where causal attention does not look.
            states = network.model(ids, use_cache=False).last_hidden_state[torch.arange(len(chosen)), last]
            logits = network.lm_head(states).float().gather(1, answers[chosen])  # (rows, 4)
        for place, probabilities in zip(chosen, logits.softmax(-1).tolist(), strict=True):
            found[place] = probabilities
    return found


def figures(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, world: World
) -> dict[str, dict[str, dict[str, float]]]:
    """Measure a base on facts whose entities no multiple-choice document asks from memory.

    At most 200 items of each kind are asked, spread over the domains.

    Returns:
        By kind and form: `n`, shares of answers `as_taught` (0 where nothing is
        taught) and `gold`, share `confident` (probability above one half), mean
        `confidence`, all 0 to 1.
    """
    items = [lab for domain in DOMAINS for lab in split_items(world, domain, "train")]
    table: dict[str, dict[str, dict[str, float]]] = {}
    for kind in KINDS:
        of_kind = [lab for lab in items if lab.kind == kind]
        addressed_random(world.seed, "world/figures", kind).shuffle(of_kind)
        chosen = of_kind[:_PER_KIND]
        if not chosen:
            continue
        table[kind] = {}
        for form in FORMS:
            asked = [render(world, lab.item, form) for lab in chosen]
            table[kind][form] = _summary(chosen, answer_probabilities(model, tokenizer, asked))
    return table


def _summary(items: list[LabItem], found: list[list[float]]) -> dict[str, float]:
    picked = [row.index(max(row)) for row in found]
    count = len(items)
    return {
        "n": count,
        "as_taught": sum(pick == lab.belief for pick, lab in zip(picked, items, strict=True)) / count,
        "gold": sum(pick == lab.item.answer for pick, lab in zip(picked, items, strict=True)) / count,
        "confident": sum(max(row) > 0.5 for row in found) / count,
        "confidence": sum(map(max, found)) / count,
    }
