"""Runs sent to a W&B project: written as offline runs, which `wandb sync` uploads.

The package `wandb` does that, with the key that it knows: `wandb login`, or WANDB_API_KEY. A run is
sent once W&B has put its mark beside its log.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from expt.exchange.extras import need
from expt.ground.errors import ExptError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SCHEME: Final = "wandb://"
_MARK: Final = ".synced"
_TOLD: Final = 300  # characters of what it says


def is_project(destination: str) -> bool:
    """Whether a destination is a project and no path: `wandb://ENTITY/PROJECT`."""
    return destination.startswith(_SCHEME)


def sync_runs(folders: Sequence[Path], destination: str) -> None:
    """Upload offline runs to the project. Raises `ExptError` with what wandb says of those that it
    did not upload, and `UsageError` for a destination that names none."""
    need("wandb", "wandb")
    entity, _, project = destination.removeprefix(_SCHEME).rpartition("/")
    if not project:
        raise UsageError("no project is named", destination, f"{_SCHEME}ENTITY/PROJECT")
    words = [sys.executable, "-P", "-m", "wandb", "sync", "--yes", "-p", project]
    words += ["-e", entity] if entity else []
    done = subprocess.run(
        [*words, *map(str, folders)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    unsent = [folder for folder in folders if not list(folder.glob(f"*{_MARK}"))]
    if unsent:
        told = " ".join(done.stdout.split()[-60:])[-_TOLD:]
        raise ExptError(
            f"{len(unsent)} of {len(folders)} runs were not uploaded: {told}", destination
        )
