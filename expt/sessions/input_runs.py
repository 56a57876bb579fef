"""The runs that experiments of a session are given: those of its archive root."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from expt.ground.errors import ReadingError
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.model import PinnedRun
    from expt.ground.options import Options
    from expt.reading.run import Run


@frozen
class InputRuns:
    """Those that `pin` decides on at planning, and `open` hands to a run."""

    _options: Options

    def pin(self, reference: str) -> PinnedRun:
        """The run that a reference names; of a node id, the newest completed one."""
        from expt.reading.references import pin_run  # most sessions give no run to anybody

        keeping, smoke = self._options.keeping, self._options.values.smoke
        return pin_run(reference, keeping.runs, smoke=smoke, scratch=keeping.scratch)

    def open(self, value: str) -> Run:
        """The run of a `PinnedRun`, by its value."""
        from expt.reading.references import load_run

        root = self._options.nowhere  # what was made there for this run
        if root is not None:
            with contextlib.suppress(ReadingError):
                return load_run(value, root)
        return load_run(value, self._options.keeping.runs)
