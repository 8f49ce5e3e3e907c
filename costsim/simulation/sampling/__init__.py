"""Spend by bin without its calls: plans that hold for all seeds, and the draws of a run."""
