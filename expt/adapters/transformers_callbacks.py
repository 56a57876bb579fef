"""A callback for the Trainer of Hugging Face: `Trainer(…, callbacks=[…])`.

The protocol: https://huggingface.co/docs/transformers/main_classes/callback
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from expt.adapters.reported import import_any, numbers_in

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from expt.ground.model import Track

_OF_THE_WHOLE: Final = ("train_runtime", "train_loss", "total_flos")
"""Keys of the one report at the end of training, which speaks of all of it."""


def transformers_callback(track: Track, results: MutableMapping[str, Any] | None = None) -> Any:
    """What `Trainer` takes as a callback: each report is tracked at its global step.

    Series are named as the Trainer names them: `loss`, `learning_rate`, `eval_loss`. The report at
    the end of training (`train_loss`, `train_runtime` …) goes to `results`, where it is given.
    Only the first process of a distributed training reports.
    """
    parent: Any = import_any(("transformers",), "transformers").TrainerCallback

    class Tracked(parent):  # type: ignore[misc]  # a class of whichever version
        """Tracks what the Trainer logs."""

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
        ) -> None:
            if not state.is_world_process_zero:
                return
            at_end = any(key in (logs or {}) for key in _OF_THE_WHOLE)
            for name, number in numbers_in(logs):
                if not at_end:
                    track(name, number, step=state.global_step)
                elif results is not None:
                    results[name] = number

    return Tracked()
