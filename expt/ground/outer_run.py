"""What code inside a run is told of it, so that `expt.run` and `expt.runs` obey its session.

It is an environment variable: threads and processes that the experiment starts see it too, and it
goes when the run ends.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from expt.ground.encoding import encode_plain
from expt.ground.value_classes import frozen

if TYPE_CHECKING:
    from expt.ground.options import Options

RUN_VARIABLE: Final = "EXPT_RUN"


@frozen
class OuterRun:
    """The run that this code is part of, with those options of its session that reach inside."""

    id: str
    runs: str
    workers: int
    smoke: bool = False
    scratch: bool = False
    timeout: float | None = None
    launch: str | None = None
    render: bool = True
    cache: bool = True

    @classmethod
    def of(cls, run_id: str, case_id: str, options: Options) -> OuterRun:
        """What the run of a case, in a session with these options, tells."""
        return cls(
            run_id,
            str(options.keeping.runs),
            options.running.workers,
            options.values.smoke,
            options.keeping.scratch,
            options.running.timeout,
            None if options.launch is None else f"{options.launch} {case_id}",
            options.keeping.render,
            options.running.cache,
        )

    def announce(self) -> None:
        """Let all code of this process know, and of those that it starts."""
        os.environ[RUN_VARIABLE] = encode_plain(vars(self))

    @property
    def words(self) -> list[str]:
        """What the session was told, as words of the command line, before any others."""
        return [
            *("--runs", self.runs, "-n", str(self.workers)),
            *(["--smoke"] if self.smoke else []),
            *(["--scratch"] if self.scratch else []),
            *(["--timeout", repr(self.timeout)] if self.timeout else []),
            *([] if self.render else ["--no-render"]),
            *([] if self.cache else ["--no-cache"]),
        ]


def find_outer_run() -> OuterRun | None:
    """The run that this code is part of; None outside of any."""
    try:
        return OuterRun(**json.loads(os.environ[RUN_VARIABLE]))
    except (KeyError, ValueError, TypeError):
        return None


def root_or_outer(runs: str | Path | None) -> Path | None:
    """The archive root that was asked for, else that of the run around; None for neither."""
    if runs is not None:
        return Path(runs)
    outer = find_outer_run()
    return None if outer is None else Path(outer.runs)
