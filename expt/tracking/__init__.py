"""Tracking: what an experiment hands to `track` is in its archive when the call returns."""
