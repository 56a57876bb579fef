"""Tracking: what an experiment hands to `track` is in its archive when the call returns."""

from __future__ import annotations

from expt.tracking.images import find_entry_file
from expt.tracking.recorder import Recorder, open_recorder
from expt.tracking.scalars import Disk

__all__ = ["Disk", "Recorder", "find_entry_file", "open_recorder"]
