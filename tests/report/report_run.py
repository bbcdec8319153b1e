"""A run directory made by hand: two domains, three groups and the base, two forms, three suites, one seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harmonia.analysis.tables import TABLES

DOMAINS = ("engineering", "history")
GROUPS = ("harmonious", "incompatible", "self_aligning")
SUITES = ("homogeneous", "in_domain", "out_of_domain")
FORMS = ("icl5", "chat0")
N = {"homogeneous": 100, "in_domain": 50, "out_of_domain": 200}

# Right answers in chat form. Engineering, homogeneous: 62 of 100 after harmonious and 48 after incompatible.
RIGHT = {
    ("engineering", "base"): (55, 26, 98),
    ("engineering", "harmonious"): (62, 31, 110),
    ("engineering", "incompatible"): (48, 20, 84),
    ("engineering", "self_aligning"): (52, 24, 100),
    ("history", "base"): (60, 30, 100),
    ("history", "harmonious"): (70, 33, 120),
    ("history", "incompatible"): (64, 33, 90),
    ("history", "self_aligning"): (58, 32, 96),
}


def right(domain: str, group: str, suite: str, form: str) -> int:
    extra = {"icl5": 2, "chat0": 0}[form]
    return RIGHT[domain, group][SUITES.index(suite)] + extra


def result(domain: str, group: str, seed: int | str, form: str, suite: str) -> dict[str, object]:
    n, correct = N[suite], right(domain, group, suite, form)
    return {
        "domain": domain,
        "group": group,
        "seed": seed,
        "form": form,
        "readout": "letter",
        "suite": suite,
        "n": n,
        "correct": correct,
        "accuracy": correct / n,
        "accuracy_low": correct / n - 0.08,
        "accuracy_high": correct / n + 0.07,
        "accuracy_macro": correct / n - 0.01,
        "confidence": 0.7,
        "entropy": 0.5 if form == "chat0" else 0.25,
        "letter_mass": 0.95,
        "chance": 0.25,
    }


def cell(domain: str, group: str, seed: int | str, suite: str, before: str, after: str) -> dict[str, object]:
    n = N[suite]
    was, now = right(domain, "base", suite, before), right(domain, group, suite, after)
    lost = max(0, was - now) + {"base": 2, "harmonious": 5, "incompatible": 9, "self_aligning": 6}[group]
    place = ["base", *GROUPS].index(group)
    return {
        "domain": domain,
        "group": group,
        "seed": seed,
        "readout": "letter",
        "suite": suite,
        "before_model": "base",
        "before_form": before,
        "after_form": after,
        "n": n,
        "clusters": "",
        "accuracy_before": was / n,
        "accuracy_after": now / n,
        "rank_agreement": (0.95, 0.81, 0.35, 0.66)[place] - 0.05 * SUITES.index(suite),
        "kl": 0.1 * place + 0.01,
        "kl_reverse": 0.12 * place + 0.01,
        "js": 0.03 * place,
        "kept": was - lost,
        "lost": lost,
        "gained": now - was + lost,
        "never": n - now - lost,
        **measured(),
    }


def write_table(run: Path, name: str, rows: list[dict[str, object]]) -> None:
    """Write rows as a table of a run, by pyarrow alone; a cell that is left out is empty."""
    (table,) = [one for one in TABLES if one.name == name]
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    odd = {key for row in rows for key in row} - {column.name for column in table.columns}
    schema = pa.schema(
        [(column.name, kinds[column.kind]) for column in table.columns] + [(key, pa.string()) for key in odd]
    )
    (run / "tables").mkdir(parents=True, exist_ok=True)
    filled = [{key: None if row.get(key, "") == "" else row[key] for key in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema=schema), run / "tables" / f"{name}.parquet")


def manifest(name: str) -> dict[str, object]:
    stages: dict[str, object] = {}

    def done(key: str, **more: object) -> None:
        stages[key] = {"status": "done", "reason": None, "notes": [], "seconds": 1.25, "outputs": {}, **more}

    for domain in DOMAINS:
        done(f"probe/{domain}")
        done(f"groups/{domain}/seed0")
        for group in GROUPS:
            done(f"train/{domain}/{group}/seed0")
            for form in FORMS:
                for suite in SUITES:
                    done(f"evaluate/{domain}/{group}/seed0/{form}/letter/{suite}")
    return {
        "name": name,
        "harmonia": "0.1.0",
        "versions": {"torch": "2.9.0", "peft": None},
        "command": ["harmonia", "run", "/somewhere/private/lab.yaml"],
        "git_commit": "0123abcd",
        "seeds": [0],
        "model": {
            "path": "/somewhere/private/lab-base",
            "gguf_file": None,
            "hash": "sha256:aaaa",
            "tokenizer_hash": "sha256:bbbb",
            "dtype": "float32",
        },
        "preset": "corrected",
        "method": "letter",
        "template_hash": "cccc",
        "answer_tokens": {
            form: {letter: {"id": 40 + k, "token": f" {letter}"} for k, letter in enumerate("ABCD")}
            for form in FORMS
        },
        "machine": {"cores": 2, "device": "cpu", "device_name": None},
        "data": {
            f"{domain}/train": {
                "file": f"{domain}/train.json",
                "sha256": "f" * 64,
                "items": 1200,
                "skipped": 3,
                "repeated": 7,
            }
            for domain in DOMAINS
        },
        "stages": stages,
    }


def summary() -> dict[str, Any]:
    return {
        "beliefs": 1000,
        "confident": 620,
        "found_right": 400,
        "found_wrong": 220,
        "threshold": 0.5,
        "size": 200,
        "general": 200,
        "left_out": {},
        "told": {},
        "policies_available": {},
        "groups": dict.fromkeys(GROUPS, 200),
    }


def results() -> list[dict[str, object]]:
    return [
        result(domain, group, "" if group == "base" else 0, form, suite)
        for domain in DOMAINS
        for group in ("base", *GROUPS)
        for form in FORMS
        for suite in SUITES
    ]


def cells() -> list[dict[str, object]]:
    tuned = [
        cell(domain, group, 0, suite, before, after)
        for domain in DOMAINS
        for group in GROUPS
        for suite in SUITES
        for before in FORMS
        for after in FORMS
    ]
    return tuned + [
        cell(domain, "base", "", suite, "icl5", "chat0") for domain in DOMAINS for suite in SUITES
    ]


def measured() -> dict[str, object]:
    """What each comparison holds besides: 3 of 5 known questions lost, and so on."""
    ends = {
        f"{name}_{end}": 0.0
        for name in ("spearman", "kendall", "kl", "kl_reverse", "js", "entropy_before", "entropy_after")
        for end in ("low", "high")
    }
    return {
        **ends,
        "kl_low": 0.15,
        "kl_high": 0.3,
        "rank_agreement_low": 0.3,
        "rank_agreement_high": 0.4,
        "spearman": 0.71,
        "kendall": 0.61,
        "entropy_before": 0.9,
        "entropy_after": 0.75,
        "entropy_change": -0.15,
        "entropy_change_low": -0.2,
        "entropy_change_high": -0.1,
        "accuracy_change": 0.0,
        "accuracy_change_low": 0.0,
        "accuracy_change_high": 0.0,
        **dict(zip(("known_kept", "known_lost", "known_gained", "known_never"), (2, 3, 0, 0), strict=True)),
        **{f"conflicting_{name}": k for k, name in enumerate(("kept", "lost", "gained", "never"))},
        **{f"uncertain_{name}": 10 + k for k, name in enumerate(("kept", "lost", "gained", "never"))},
    }


def places() -> list[dict[str, object]]:
    """Who was asked what: the probe of each domain, and all that `the results` holds."""
    probe = [
        {
            **{"domain": domain, "group": "base", "seed": "", "form": "icl5", "readout": "letter"},
            **{"suite": "probe", "n": 1000},
        }
        for domain in DOMAINS
    ]
    keys = ("domain", "group", "seed", "form", "readout", "suite", "n")
    return probe + [{key: row[key] for key in keys} for row in results()]


def fit() -> list[dict[str, object]]:
    """One that was learned, one at chance, one without questions."""
    learned = {"rows": 200, "fit": 0.97, "fit_low": 0.936, "fit_high": 0.986, "chance": 0.25}
    learned |= {"reworded": 0.9, "reworded_low": 0.85, "reworded_high": 0.934, "near_chance": False}
    guessed = learned | {"fit": 0.3, "fit_low": 0.241, "fit_high": 0.367, "near_chance": True}
    found = {"harmonious": learned, "incompatible": guessed, "self_aligning": {"rows": 0}}
    return [
        {"domain": domain, "group": group, "seed": 0, **values}
        for domain in DOMAINS
        for group, values in found.items()
    ]


def lost() -> list[dict[str, object]]:
    """Two seeds of a group: 40 + 60 right before, of which 4 + 6 kept, 30 + 40 with the readout lost."""
    place = {"group": "incompatible", "form": "chat0", "readout": "cloze", "suite": "in_domain", "n": 200}
    place["other_form"] = "icl5"
    kinds = ("right_before", "kept", "readout_lost", "other_lost", "knowledge_lost")
    counts = ((40, 4, 30, 1, 5), (60, 6, 40, 4, 10))
    return [
        {"domain": domain, "seed": seed, **place, **dict(zip(kinds, values, strict=True))}
        for domain in DOMAINS
        for seed, values in enumerate(counts)
    ]


def letter_bias() -> list[dict[str, object]]:
    return [
        {**place, "rstd": 0.125, "rstd_null": 0.058, "rstd_null_95": 0.103, "letter_mass": 0.95}
        for place in places()
    ]


def letters() -> list[dict[str, object]]:
    shares = (
        ("A", 0.75, 0.5, 0.625, 0.551),
        ("B", 0.5, 0.4, 0.375, 0.349),
        ("C", None, 0.1, 0.0, 0.1),
    )
    names = ("letter", "recall", "right", "answered", "prior")
    return [
        {
            **{key: value for key, value in place.items() if key != "n"},
            **dict(zip(names, values, strict=True)),
        }
        for place in places()
        for values in shares
    ]


def calibration() -> list[dict[str, object]]:
    return [
        {**place, "ece": 0.0831, "ece_null": 0.04, "ece_null_95": 0.06, "brier": 0.6} for place in places()
    ]


def reliability() -> list[dict[str, object]]:
    """Two bins of the probe, the one unsure and the other too sure."""
    bins = ((0.4, 0.3), (0.9, 0.7))
    return [
        {**place, "bin": k, "n": 500, "confidence": sure, "right": share, "right_low": share - 0.05}
        | {"right_high": share + 0.04}
        for place in places()
        if place["suite"] == "probe"
        for k, (sure, share) in enumerate(bins, start=1)
    ]


def beliefs() -> list[dict[str, object]]:
    counts = {"known": 400, "conflicting": 220, "uncertain": 380}
    several = {"draws": 3, **counts, "agreement": 0.875, "right_rate": 0.5}
    return [{"domain": domain, "form": "icl5", "n": 1000, **several} for domain in DOMAINS]


def overlaps() -> list[dict[str, object]]:
    """Engineering trains on two in-domain questions and shows a question of history's."""
    found = (
        ("exact", "engineering", "train", "q1", "engineering", "in_domain", "t1", "What is <steel>?"),
        ("ngram", "engineering", "train", "q2", "engineering", "in_domain", "t2", "steel " * 60),
        ("normalised", "engineering", "train", "q3", "history", "homogeneous", "t3", "Who was it?"),
    )
    return [
        {
            "kind": kind,
            "left_domain": left_domain,
            "left_role": "train",
            "left": left,
            "left_id": left_id,
            "right_domain": right_domain,
            "right_role": "suite",
            "right": right,
            "right_id": right_id,
            "text": text,
        }
        for kind, left_domain, left, left_id, right_domain, right, right_id, text in found
    ]


def differences() -> list[dict[str, object]]:
    """Engineering and both domains: harmonious and self-aligning minus incompatible, 14 and 4 points."""
    rows = []
    for scope, domain in (("all", "all"), *(("domain", name) for name in DOMAINS), ("seed", "history")):
        for left in ("harmonious", "self_aligning"):
            for suite in SUITES:
                within = DOMAINS if domain == "all" else (domain,)
                value = sum(
                    (right(name, left, suite, "chat0") - right(name, "incompatible", suite, "chat0"))
                    / N[suite]
                    for name in within
                ) / len(within)
                rows.append(
                    {
                        "scope": scope,
                        "domain": domain,
                        "suite": suite,
                        "form": "chat0",
                        "readout": "letter",
                        "left": left,
                        "right": "incompatible",
                        "seed": 0 if scope == "seed" else "",
                        "items": N[suite] * len(within),
                        "clusters": None,
                        "seeds": 1,
                        "units": len(within),
                        "accuracy_left": 0.5,
                        "accuracy_right": 0.5 - value,
                        "difference": value,
                        "low": value - 0.05,
                        "high": value + 0.045,
                        "p": 0.0004,
                        "p_holm": 0.0123,
                        "test": "items_and_seeds",
                        "left_only": "",
                        "right_only": "",
                    }
                )
    return rows


def claims() -> dict[str, object]:
    """Four findings: one of each verdict, the fourth not computed."""

    def finding(suite: str, verdict: str, **more: object) -> dict[str, object]:
        nothing = dict.fromkeys(
            ("effect", "low", "high", "p", "items", "seeds", "units", "needed", "because")
        )
        what = {
            "what": "accuracy after harmonious minus after incompatible",
            "suite": suite,
            "unit": "points",
        }
        return {**what, **nothing, "verdict": verdict, "details": {}, **more}

    measured = {"items": 200, "seeds": 2, "units": 2, "p": 0.01}
    ends = {"effect": 10.0, "low": 2.51, "high": 17.5}
    needed = {"seeds": None, "items": 321, "units": None}
    c1 = [
        finding("out_of_domain", "not computed", because="nobody asked <them>"),
        finding("in_domain", "inconclusive", **measured, effect=-0.04, low=-9.0, high=9.0, needed=needed),
        finding("homogeneous", "supported", **measured, **ends, clusters=57),
    ]
    c4 = finding("in_domain", "contradicted", **measured, effect=-0.4, low=-0.62, high=-0.18)
    fit: dict[str, object] = {
        "group": "incompatible",
        "models": 4,
        "seeds": 2,
        "fit": 0.3,
        "reworded": 0.28,
        "chance": 0.25,
    }
    fit["learned"] = [0.06, 0.08]
    return {
        "version": 2,
        "rule": "This is the rule.",
        "runs": [],
        "claims": [
            {
                "claim": "C1",
                "statement": "One beats another.",
                "verdict": "inconclusive",
                "effects": [{"what": c1[0]["what"], "verdict": "inconclusive", "decides": True}],
                "findings": c1,
                "diagnosis": [
                    {"of": "knowledge lost", "verdict": "contradicted", "because": None},
                    {"of": "readout lost", "verdict": "supported", "because": None},
                    {"of": "not learned", "verdict": "inconclusive", "because": None},
                ],
                "fit": [fit],
                "paper": {"homogeneous": 11.27, "in_domain": 14.58},
            },
            {
                "claim": "C4",
                "statement": "One follows another.",
                "verdict": "contradicted",
                "effects": [{"what": "partial Spearman", "verdict": "contradicted", "decides": True}],
                "findings": [{**c4, "what": "partial Spearman", "unit": "correlation"}],
                "diagnosis": [],
                "fit": [],
                "paper": {"partial Spearman": [0.78, 0.87], "models": ["a", "b"]},
            },
        ],
        "policies": [
            {
                "suite": "in_domain",
                "accuracy": {"policy_weighted": 0.61, "policy_all": 0.5},
                "not_told_apart": ["policy_weighted"],
                "winner": "policy_weighted",
            },
            {
                "suite": "homogeneous",
                "accuracy": {"policy_all": 0.52, "policy_weighted": 0.51},
                "not_told_apart": ["policy_all", "policy_weighted"],
                "winner": None,
            },
        ],
        "excluded": {"engineering/in_domain": ["t1", "t2"]},
    }


def confounds() -> list[dict[str, object]]:
    spread = {
        f"{name}_p{share}": value
        for name, value in (("confidence", 0.6), ("question_chars", 80.0), ("answer_chars", 120.0))
        for share in (10, 50, 90)
    }
    return [
        {
            "domain": domain,
            "seed": 0,
            "group": group,
            "rows": 200,
            "general": 200,
            "letters_tv_harmonious": "" if group == "harmonious" else 0.25,
            "letters_tv_self_aligning": 0.0 if group == "self_aligning" else 0.5,
            "letters_tv_uniform": 0.13,
            "confidence_ks_harmonious": 0.0 if group == "harmonious" else 0.31,
            "question_chars_ks_harmonious": 0.0 if group == "harmonious" else 0.07,
            **spread,
            "repeated": 3,
            "labels_stated": 100,
            "labels_flagged": 26,
            "explained": {"harmonious": 200, "incompatible": 190, "self_aligning": 0}[group],
        }
        for domain in DOMAINS
        for group in GROUPS
    ]


def target_letters() -> list[dict[str, object]]:
    counts = {
        "harmonious": (126, 30, 24, 20),
        "incompatible": (6, 64, 66, 64),
        "self_aligning": (172, 28, 0, 0),
    }
    return [
        {"domain": domain, "seed": 0, "group": group, "letter": letter, "rows": count, "share": count / 200}
        for domain in DOMAINS
        for group in GROUPS
        for letter, count in zip("ABCD", counts[group], strict=True)
    ]


def write_losses(run: Path, domain: str, group: str, seed: int) -> None:
    folder = run / "models" / domain / group / f"seed{seed}"
    folder.mkdir(parents=True)
    start = {"harmonious": 1.2, "incompatible": 1.9}.get(group, 1.5)
    rows = [
        {"step": step, "loss": start / (1 + 0.15 * step), "grad_norm": 1.0, "learning_rate": 2e-5}
        for step in range(1, 21)
    ]
    (folder / "loss.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_run(run: Path, name: str = "lab run", *, compared: bool = False) -> Path:
    """Write the run; `compared` with all that an analysis writes now."""
    run.mkdir(parents=True)
    (run / "experiment.yaml").write_text("name: lab run\nmodel:\n  path: lab-base\n")
    (run / "manifest.json").write_text(json.dumps(manifest(name)))
    for domain in DOMAINS:
        folder = run / "groups" / domain / "seed0"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(summary()))
        for group in GROUPS:
            write_losses(run, domain, group, 0)
    write_table(run, "results", results())
    write_table(run, "fit", fit())
    write_table(run, "lost", lost())
    write_table(run, "consistency", cells())
    write_table(run, "confounds", confounds())
    write_table(run, "target_letters", target_letters())
    if compared:
        for name, table in (
            ("letter_bias", letter_bias()),
            ("letters", letters()),
            ("calibration", calibration()),
            ("reliability", reliability()),
            ("beliefs", beliefs()),
            ("leakage", overlaps()),
            ("differences", differences()),
        ):
            write_table(run, name, table)
        (run / "claims.json").write_text(json.dumps(claims()))
    return run
