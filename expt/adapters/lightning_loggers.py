"""A logger for Lightning: `Trainer(logger=…)`, of `lightning` and of `pytorch_lightning`.

The protocol: https://lightning.ai/docs/pytorch/stable/extensions/logging.html#make-a-custom-logger
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from expt.adapters.reported import import_any, numbers_in

if TYPE_CHECKING:
    from expt.ground.model import Track


def lightning_logger(track: Track, folder: str | os.PathLike[str] | None = None) -> Any:
    """What `Trainer` takes as a logger: `self.log("val_loss", x)` is a series of that name.

    Steps are the Trainer's. Checkpoints go to `folder/checkpoints`, or where the Trainer puts them
    by itself; `logger.experiment` is `track`. Hyperparameters are left out: they are the run's
    parameters, which the archive has.
    """
    lightning = import_any(("lightning.pytorch", "pytorch_lightning"), "lightning")
    parent: Any = import_module(f"{lightning.__name__}.loggers").Logger
    only_first = import_module(f"{lightning.__name__}.utilities").rank_zero_only

    class Tracked(parent):  # type: ignore[misc]  # a class of whichever lightning
        """Tracks what a LightningModule logs."""

        @property
        def name(self) -> str:
            """Of no folder between `folder` and its checkpoints."""
            return ""

        @property
        def version(self) -> str:
            """As `name`."""
            return ""

        @property
        def save_dir(self) -> str | None:
            """Where the Trainer puts checkpoints."""
            return None if folder is None else os.fspath(folder)

        @property
        def experiment(self) -> Any:
            """`track`, for a picture or a text: `self.logger.experiment.image("x", image)`."""
            return track

        @only_first  # type: ignore[untyped-decorator]
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            """Track each number of a report."""
            for name, number in numbers_in(metrics):
                track(name, number, step=step)

        def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
            """Nothing: they are the run's parameters."""

    return Tracked()
