"""Checkpoint -> Predictions: the suites a tuned model is asked, by the probe's own code."""

from harmonia.evaluation.suites import Suite

__all__ = ["Suite"]
