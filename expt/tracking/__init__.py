"""Tracking: what an experiment hands to `track` is in its archive when the call returns."""

from __future__ import annotations

from expt.tracking.elsewhere import Elsewhere
from expt.tracking.recorder import Recorder, open_recorder
from expt.tracking.scalars import Disk

__all__ = ["Disk", "Elsewhere", "Recorder", "open_recorder"]
