"""`track` for those who call back: trainers that report what happens to a logger or a callback.

    Lightning     Trainer(logger=lightning_logger(track))
    Keras         model.fit(x, y, callbacks=[keras_callback(track)])
    Hugging Face  Trainer(…, callbacks=[transformers_callback(track, results)])
    scikit-learn  fit(track, estimator, X, y, test=(X_test, y_test))

Each is a function that takes the run's `track`, and makes what the library's own documentation says
that one has to be. A library is imported when its function is called, and never before.
"""

from __future__ import annotations

from expt.adapters.keras_callbacks import keras_callback
from expt.adapters.lightning_loggers import lightning_logger
from expt.adapters.sklearn_fits import fit
from expt.adapters.transformers_callbacks import transformers_callback

__all__ = ["fit", "keras_callback", "lightning_logger", "transformers_callback"]
