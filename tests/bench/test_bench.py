"""The benchmark: what is compared does the same work, and the figures are what they say."""

from __future__ import annotations

import json
import mmap
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from models import sums
from pydantic import ValidationError
from transformers import LlamaConfig

from harmonia.analysis.agreement import kl_divergence, rank_agreement
from harmonia.bench import BenchSettings, Timing, run_bench
from harmonia.bench.auditing import audit_of, largest_difference, of_ifd, read_plainly
from harmonia.bench.harness import harness_works
from harmonia.bench.limit import cost_of, flops_per_token
from harmonia.bench.memory import peak_mb
from harmonia.bench.metrics import scipy_rows
from harmonia.bench.run import Bench
from harmonia.bench.scoring import encode, one_by_one
from harmonia.bench.subject import Subject, load_subject
from harmonia.bench.table import markdown, table_rows
from harmonia.bench.training import Trainers, training_rows
from harmonia.bench.turns import Work, in_turn
from harmonia.bench.workers import Clock, measure_workers
from harmonia.errors import HarmoniaError, InputError
from harmonia.models import cache
from harmonia.pipeline.executors import Local
from harmonia.prompts import Request, ShotPool, parse_form

needs_harness = pytest.mark.filterwarnings(
    # The harness's own libraries; none of it is ours to mend.
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
    "ignore::ResourceWarning",
)


@pytest.fixture(scope="module")
def lab() -> Subject:
    return load_subject(BenchSettings(device="cpu", questions=6), count=6)


def requests(lab: Subject, method: str, form: str) -> list[Request]:
    return encode(lab.loaded, lab.items, lab.shots, lab.prompt(method), parse_form(form))


@pytest.mark.parametrize(("method", "form"), [("letter", "icl5"), ("cloze", "icl5"), ("letter", "chat0")])
def test_a_row_a_pass_finds_what_ours_finds(lab, method, form):
    asked = requests(lab, method, form)
    ours = sums(lab.loaded, asked)
    for last_only in (True, False):
        found = one_by_one(lab.loaded, asked, last_only=last_only)
        assert [len(one) for one in found] == [4] * len(asked)
        np.testing.assert_allclose(found, ours, atol=1e-4, rtol=0)


def test_a_row_a_pass_reads_what_an_audit_reads(lab):
    audit = audit_of(lab, 4)
    rows = list(audit.open_rows)
    assert len(rows) == 4
    asked = [audit.first.asked(row) for row in rows]
    readings = audit.first.read(rows)
    loop = read_plainly(lab.loaded, [one for row in asked for one in row.requests])
    assert largest_difference(readings, asked, loop) < 1e-4
    for row, reading in zip(asked, readings, strict=True):
        plain, bare = read_plainly(lab.loaded, of_ifd(row))
        theirs = sum(own for own, _ in plain) / sum(own for own, _ in bare)
        assert reading.ifd == pytest.approx(theirs, abs=1e-4)


@needs_harness
def test_the_harness_finds_what_ours_finds(lab):
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'harmonia[harness]'")
    settings = lab.prompt("letter")
    works = harness_works(
        lab.loaded, lab.items, ShotPool.of(lab.shots, settings), settings, batch_sizes=(1, 4)
    )
    ours = np.ravel(sums(lab.loaded, requests(lab, "letter", "icl5")))
    for work in works.values():
        np.testing.assert_allclose(work(), ours, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_all_trainings_have_the_same_loss(lab, tmp_path):
    rows = training_rows(lab, 10)
    assert sum(row.id.startswith("general/") for row in rows) == 5
    before = {name: weight.clone() for name, weight in lab.loaded.model.named_parameters()}
    make = Trainers(lab, str(tmp_path))
    padded = make.padded(rows[:2])()
    assert padded == pytest.approx(make.ours(rows[:2])(), abs=1e-4)
    ours = make.ours(rows)()
    assert make.slower == ()
    assert make.trl(rows)() == pytest.approx(ours, abs=1e-4)
    assert make.trl(rows, checkpointing=False)() == pytest.approx(ours, abs=1e-4)
    assert abs(ours - padded) > 1e-3  # other rows, another loss
    assert all(torch.equal(weight, before[name]) for name, weight in lab.loaded.model.named_parameters())


def test_what_ours_had_to_do_without_is_in_the_table(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "NAMES", ("another_name",))
    make = Trainers(lab, str(tmp_path))
    make.ours(training_rows(lab, 2))()
    (told,) = make.slower
    assert "begin with is computed in every row: its code takes no cache by a name known here" in told
    measure = Timing(what="training", unit="ms", ours=1.0, slower=make.slower)
    found = Bench(
        settings=BenchSettings(device="cpu"),
        dtype="float32",
        parameters=1,
        machine={},
        versions={},
        commit=None,
        measures=(measure,),
        skipped={},
        wall_s=1.0,
    )
    assert ("", "harmonia", "slower here", told) in list(table_rows(found))


def test_scipy_finds_what_ours_finds():
    rng = np.random.default_rng(1)
    p_I_C, q_I_C = rng.dirichlet(np.ones(4), size=(2, 40))
    agreement, divergence = scipy_rows(p_I_C, q_I_C)
    np.testing.assert_allclose(rank_agreement(p_I_C, q_I_C), agreement, atol=1e-9)
    np.testing.assert_allclose(kl_divergence(p_I_C, q_I_C), divergence, atol=1e-9)


def test_the_limit_counts_each_product_and_each_token_once(lab):
    # 4 layers of 4 square matrices of width 128 and 3 of 128 x 336.
    assert flops_per_token(lab.loaded.model) == 2 * 4 * (4 * 128**2 + 3 * 128 * 336)
    shared = tuple(range(5, 605))
    asked = [Request(context=(*shared, own, 2), continuations=((1,), (3,))) for own in (7, 8, 9)]
    cost = cost_of(lab.loaded, asked)
    assert cost.tokens == 600 + 3 * 2
    assert cost.products == cost.tokens * flops_per_token(lab.loaded.model)
    # Attention: 4 FLOPs for each key that a token sees, of each head (4 of 32) and layer;
    # the head: a row of logits a question.
    keys = 600 * 601 // 2 + 3 * (601 + 602)
    vocabulary = lab.loaded.model.config.vocab_size
    assert cost.more == 4 * 4 * 32 * 4 * keys + 3 * 2 * 128 * vocabulary


def test_works_take_turns_and_their_medians_are_divided(monkeypatch):
    now, order = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def work(name: str, *seconds: float) -> Work:
        turns = iter(seconds)

        def ready():
            order.append(name)
            now[0] += 100.0  # is not on the clock
            return lambda: now.__setitem__(0, now[0] + next(turns))

        return Work(ready=ready, per=2)

    found, skipped = in_turn({"a": work("a", 2.0, 10.0, 4.0), "b": work("b", 1.0, 1.0, 9.0)}, 3)
    assert order == ["a", "b"] * 3 and not skipped
    assert found == {"a": 2.0, "b": 0.5}


def test_a_baseline_that_the_memory_does_not_hold_is_skipped_and_ours_is_not():
    def full():
        raise torch.OutOfMemoryError("CUDA out of memory")

    found, skipped = in_turn({"(d)": Work.of(full), "harmonia": Work.of(lambda: None)}, 2)
    assert list(found) == ["harmonia"] and skipped == {"(d)": "memory ran out"}
    with pytest.raises(HarmoniaError, match="memory ran out"):
        in_turn({"harmonia": Work.of(full)}, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process measure its peak")
def test_a_peak_that_is_over_is_still_seen():
    before = peak_mb(lambda: None, "cpu")

    def work():
        # 100 MB for a moment, from the system itself: the heap may hold as much from before.
        with mmap.mmap(-1, 100 * 2**20) as held:
            for page in range(0, len(held), 4096):
                held[page] = 1

    assert 95 < peak_mb(work, "cpu") - before < 200
    assert peak_mb(lambda: None, "cpu") - before < 50


@pytest.mark.slow
@needs_harness
def test_all_of_it_on_random_weights(tmp_path: Path):
    shape = tmp_path / "config.json"
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape.write_text(json.dumps(LlamaConfig(**sizes, vocab_size=50).to_dict()))
    settings = BenchSettings(
        random=str(shape),
        dtype="bfloat16",
        device="cpu",
        questions=6,
        baseline_questions=2,
        audit_rows=5,
        rows=4,
        memory_items=3,
        worker_draws=0,
        repeats=1,
    )
    seen: list[str] = []
    found = run_bench(settings, watch=seen.append)
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert {"model", "dtype", "machine", "versions", "commit", "settings", "measures"} <= set(document)
    assert document["dtype"] == "bfloat16" and document["machine"]["device"] == "cpu"
    assert not document["skipped"] and len(document["measures"]) == len(seen) == 8
    letter, cloze, chat, audit, training, metrics, memory, help_ = document["measures"]
    for measure in document["measures"]:
        for name, value in measure["baselines"].items():
            assert measure["ratios"][name] == value / measure["ours"] > 0
        for name, value in measure["limits"].items():
            assert measure["shares"][name] == value / measure["ours"] > 0
    assert [name[:3] for name in letter["baselines"]] in (["(a)", "(b)", "(c)"], ["(a)", "(b)"])
    assert ("(c) lm-eval hf, best batch" in letter["skipped"]) == (len(letter["baselines"]) == 2)
    assert [name[:3] for name in audit["baselines"]] == ["(g)", "(h)"]
    assert (audit["facts"]["rows"], audit["facts"]["rows of the baselines"]) == (5, 1)
    assert [name[:3] for name in training["baselines"]] == ["(d)", "(e)", "(e)"]
    assert len(cloze["limits"]) == len(chat["limits"]) == 2 and len(training["limits"]) == 1
    assert len(metrics["baselines"]) == 1 and not help_["baselines"]
    assert memory["what"].split()[4] == "6" and "MB with 3 items" in memory["facts"]
    page = markdown(found)
    assert page.count("\n| ") >= len(list(table_rows(found))) and "random weights" in page


@pytest.mark.slow
def test_a_probe_is_timed_from_its_first_part_to_its_last():
    clock = Clock()
    clock.seen = [(256, 10.0), (512, 10.5), (540, 11.42)]
    assert clock.per_question_ms == pytest.approx(1000 * 1.42 / 284)
    given = []
    found = measure_workers(2, lambda workers: given.append(workers) or Local())
    assert given == [1, 2]
    assert found.ours > 0 and found.baselines["1 worker"] > 0


def test_figures_are_quotients():
    measure = Timing(what="x", unit="s", ours=4.0, baselines={"(a)": 10.0}, limits={"limit": 3.0})
    assert measure.ratios == {"(a)": 2.5} and measure.shares == {"limit": 0.75}
    assert measure.row()["ratios"] == {"(a)": 2.5} and measure.row()["ours"] == 4.0


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValidationError, match="go together"):
        BenchSettings(model="somewhere")
    with pytest.raises(ValidationError, match="belong to a model"):
        BenchSettings(general="alpaca.json")
    with pytest.raises(InputError, match="neither the name of a shape"):
        load_subject(BenchSettings(random="llama-9-7b"), count=1)
