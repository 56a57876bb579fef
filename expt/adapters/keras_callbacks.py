"""A callback for Keras 3, and for the `tf.keras` of TensorFlow: `model.fit(callbacks=[…])`.

The protocol: https://keras.io/guides/writing_your_own_callbacks/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expt.adapters.reported import import_any, numbers_in

if TYPE_CHECKING:
    from expt.ground.model import Track


def keras_callback(track: Track, *, batches: bool = False) -> Any:
    """What `fit`, `evaluate` and `predict` take as a callback: each epoch's `logs` are tracked.

    Series are named as the logs are, `loss` and `val_loss`, at the epoch's number; with `batches`
    those of each training batch too, as `batch/loss`, counted over all epochs.
    """
    parent: Any = import_any(("keras", "tensorflow.keras"), "keras").callbacks.Callback

    class Tracked(parent):  # type: ignore[misc]  # a class of whichever keras
        """Tracks what is reported at the end of epochs and batches."""

        def __init__(self) -> None:
            super().__init__()
            self._batches = 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for name, number in numbers_in(logs):
                track(name, number, step=epoch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batches:
                for name, number in numbers_in(logs):
                    track(f"batch/{name}", number, step=self._batches)
                self._batches += 1

    return Tracked()
