"""What a benchmark measures, and how often."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harmonia.parsing import Settings


class BenchSettings(Settings):
    """One benchmark. Without a model it takes a lab base and the data that go with it.

    Attributes:
        model: A model folder or hub id; with `random`, where the tokenizer comes from.
        gguf_file: A GGUF file in it.
        trust_remote_code: Run Python code that the model's folder brings.
        random: Random weights in this shape: `llama-2-7b`, or a configuration file.
        dtype: Type of the weights; None takes bfloat16 on a GPU, float32 elsewhere. Training
            computes in it, over weights in float32.
        device: Where to run; `auto` takes a GPU if there is one.
        threads: Threads of the CPU; None leaves them as they are.
        items: Exam questions; half of the training rows are made of them.
        shots: Demonstrations.
        general: General instructions, the other half of the training rows.
        mmlu: Questions of the zero-shot evaluation; None takes `items`.
        questions: Questions asked of ours.
        baseline_questions: How many of them, evenly spread, the baselines are asked.
        audit_rows: Rows that ours audits; the baselines read half of `baseline_questions`.
        rows: Training rows, the half of them general; one optimizer step.
        memory_items: Items probed for the peak of memory, and twice as many; 0 leaves it out.
        worker_draws: Draws of demonstrations in a lab model's probe on a Ray cluster of this machine, by one
            worker and by two; 0 leaves it out.
        repeats: Turns of each; figures are their medians.
    """

    model: str | None = None
    gguf_file: str | None = None
    trust_remote_code: bool = False
    random: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    device: str = "auto"
    threads: int | None = Field(default=None, ge=1)
    items: str | None = None
    shots: str | None = None
    general: str | None = None
    mmlu: str | None = None
    questions: int = Field(default=128, ge=1)
    baseline_questions: int = Field(default=8, ge=1)
    audit_rows: int = Field(default=16, ge=1)
    rows: int = Field(default=16, ge=2)
    memory_items: int = Field(default=256, ge=0)
    worker_draws: int = Field(default=4, ge=0)
    repeats: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _go_together(self) -> BenchSettings:
        given = {bool(self.model), bool(self.items), bool(self.shots)}
        if len(given) > 1:
            raise ValueError("model, items and shots go together: give all three, or none for the lab")
        if not self.model and (self.gguf_file or self.general or self.mmlu):
            raise ValueError("gguf_file, general and mmlu belong to a model: give model, items and shots")
        return self

    @property
    def name(self) -> str:
        """What is measured, in a word or two."""
        which = self.gguf_file or self.model or "lab base 0"
        return f"random weights, {self.random}; tokenizer of {which}" if self.random else which
