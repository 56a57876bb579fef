"""Trainers report to `track`: the real ones where they are installed, else by their protocol.

scikit-learn is in the extra 'test'; Keras, Transformers and Lightning are in 'trainers', and the
documented protocol of each is held without them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from expt import ExptError
from expt.adapters import fit, keras_callback, lightning_logger, transformers_callback
from expt.adapters.reported import numbers_in
from expt.reading.series.tracked import SeriesMap
from expt.tracking.recorder import open_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from expt.ground.model import Track
    from expt.testing import Sandbox


class Tracked:
    """A recorder, and what it recorded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recorder = open_recorder(folder, label="7fk2")
        self.track: Track = self._recorder.track

    def series(self) -> dict[str, list[tuple[float, Any]]]:
        """Steps and values by name."""
        found = SeriesMap(self._folder)
        return {
            name: list(zip(one.steps.tolist(), list(one.values), strict=True))
            for name, one in found.items()
        }

    def close(self) -> None:
        self._recorder.close()


@pytest.fixture
def tracked(tmp_path: Path) -> Iterator[Tracked]:
    tracked = Tracked(tmp_path / "series")
    yield tracked
    tracked.close()


def installed(*modules: str) -> Any:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


# What is reported


class Tensor:
    """Of one element or several, as torch's and jax's are."""

    def __init__(self, *values: float) -> None:
        self.values = values
        self.shape = () if len(values) == 1 else (len(values),)
        self.size = len(values)

    def item(self) -> float:
        if len(self.values) != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.values[0]


def test_numbers_are_taken_however_they_are_wrapped() -> None:
    reported = {
        "float": 0.5,
        "int": 3,
        "numpy": np.float32(0.25),
        "array": np.array([1.0]),
        "tensor": Tensor(2.0),
        "several": Tensor(1.0, 2.0),
        "text": "1.0",
        "none": None,
        "huge": 10**400,
        "list": [1.0],
    }
    assert dict(numbers_in(reported)) == {
        "float": 0.5,
        "int": 3,
        "numpy": 0.25,
        "array": 1.0,
        "tensor": 2.0,
    }
    assert list(numbers_in(None)) == []


def test_no_library_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, expt.adapters; "
        "print([m for m in ('keras', 'torch', 'sklearn', 'transformers', 'lightning') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_library_that_is_not_there_is_told_with_its_command(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("keras", "tensorflow", "transformers", "lightning", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, None)
    for make, command in (
        (keras_callback, "keras"),
        (transformers_callback, "transformers"),
        (lightning_logger, "lightning"),
    ):
        with pytest.raises(ExptError, match=f"pip install {command}"):
            make(tracked.track)


# scikit-learn


@pytest.fixture
def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    return x, (x.sum(axis=1) > 0).astype(int)


def test_a_fit_of_scikit_learn_leaves_its_curve_and_its_scores(
    tracked: Tracked, data: tuple[Any, Any]
) -> None:
    pytest.importorskip("sklearn", reason="of the extra 'test'")
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = data
    model = make_pipeline(
        StandardScaler(), MLPClassifier((4,), max_iter=5, random_state=0, tol=0, n_iter_no_change=9)
    )
    with pytest.warns(match="Maximum iterations"):
        results = fit(tracked.track, model, x, y, test=(x[:20], y[:20]))
    assert results["score"] == model.score(x, y)
    assert results["test_score"] == model.score(x[:20], y[:20])
    assert results["n_iter"] == 5
    assert tracked.series()["loss"] == list(enumerate(model[-1].loss_curve_))


def test_a_search_of_scikit_learn_leaves_its_table_and_its_best(
    tracked: Tracked, data: tuple[Any, Any]
) -> None:
    pytest.importorskip("sklearn", reason="of the extra 'test'")
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import GridSearchCV

    x, y = data
    grid = {"max_depth": [1, 2], "n_estimators": [3]}
    search = GridSearchCV(GradientBoostingClassifier(random_state=0), grid, cv=2)
    results = fit(tracked.track, search, x, y, name="gb")
    assert results["gb/best_score"] == search.best_score_
    assert results["gb/best_params"] == search.best_params_
    series = tracked.series()
    ((_, table),) = series["gb/cv_results"]
    assert [row["param_max_depth"] for row in rows_of(table)] == [1, 2]
    best = search.best_estimator_
    assert [value for _, value in series["gb/train_score"]] == list(best.train_score_)


def rows_of(table: Any) -> list[dict[str, Any]]:
    if isinstance(table, list):
        return table
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


class Boosted:
    """Tells of its fit as XGBoost and LightGBM do, and takes what they take."""

    def fit(self, x: Any, y: Any, eval_set: Any = None) -> Boosted:
        self.evals_result_ = {"valid_0": {"logloss": [0.5, 0.25]}}
        return self


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
@pytest.mark.parametrize(
    ("module", "name", "series"),
    [
        ("lightgbm", "LGBMClassifier", "training/binary_logloss"),
        ("xgboost", "XGBClassifier", "validation_0/logloss"),
    ],
)
def test_boosters_leave_their_curves(
    tracked: Tracked, data: tuple[Any, Any], module: str, name: str, series: str
) -> None:
    booster = pytest.importorskip(module, reason="of the extra 'trainers'")
    x, y = data
    model = getattr(booster, name)(n_estimators=3)
    results = fit(tracked.track, model, x, y, eval_set=[(x, y)])
    assert results["score"] == model.score(x, y)
    assert [step for step, _ in tracked.series()[series]] == [0, 1, 2]


def test_curves_of_boosters_have_the_names_of_data_set_and_metric(tracked: Tracked) -> None:
    assert fit(tracked.track, Boosted(), [[1]], [1], eval_set=[]) == {}
    assert tracked.series() == {"valid_0/logloss": [(0, 0.5), (1, 0.25)]}


# Keras


@installed("keras", "jax")
def test_keras_reports_epochs_and_batches(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import os
            os.environ["KERAS_BACKEND"] = "jax"
            import keras
            import numpy as np
            from expt.adapters import keras_callback

            def experiment_a(track):
                model = keras.Sequential([keras.layers.Dense(1)])
                model.compile(optimizer="sgd", loss="mse")
                x = np.ones((32, 2), np.float32)
                history = model.fit(
                    x, x[:, :1], epochs=3, batch_size=16, validation_split=0.5, verbose=0,
                    callbacks=[keras_callback(track, batches=True)],
                )
                return {"loss": history.history["loss"], "val_loss": history.history["val_loss"]}
            """
        }
    )
    done = sandbox.expt("experiments", timeout=100)
    assert done.exit_code == 0, done.stdout + done.stderr
    run = sandbox.run()
    for name in ("loss", "val_loss"):
        assert list(run.series[name].values) == run.results[name]
        assert list(run.series[name].steps) == [0, 1, 2]
    assert list(run.series["batch/loss"].steps) == [0, 1, 2]


def test_the_documented_protocol_of_keras(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://keras.io/guides/writing_your_own_callbacks/: `on_epoch_end(epoch, logs)`."""
    keras = types.ModuleType("keras")
    keras.callbacks = types.SimpleNamespace(Callback=type("Callback", (), {}))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keras", keras)
    callback = keras_callback(tracked.track, batches=True)
    for epoch in range(2):
        for batch in range(2):
            callback.on_train_batch_end(batch, {"loss": 1.0 / (epoch + batch + 1)})
        callback.on_epoch_end(epoch, logs={"loss": 0.5, "val_loss": Tensor(0.25)})
    callback.on_epoch_end(2)
    assert tracked.series() == {
        "batch/loss": [(0, 1.0), (1, 0.5), (2, 0.5), (3, 1 / 3)],
        "loss": [(0, 0.5), (1, 0.5)],
        "val_loss": [(0, 0.25), (1, 0.25)],
    }


# Hugging Face


@installed("transformers", "torch", "accelerate")
def test_the_trainer_of_hugging_face_reports_steps_and_the_end(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import torch
            import transformers
            from expt.adapters import transformers_callback

            class Model(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.linear = torch.nn.Linear(2, 1)

                def forward(self, x, labels=None):
                    out = self.linear(x)
                    return {"loss": ((out - labels) ** 2).mean(), "logits": out}

            def experiment_a(track, results, tmp_path):
                rows = [{"x": torch.ones(2), "labels": torch.ones(1)} for _ in range(8)]
                arguments = transformers.TrainingArguments(
                    output_dir=str(tmp_path), max_steps=4, logging_steps=2, eval_steps=2,
                    eval_strategy="steps", per_device_train_batch_size=2, report_to=[],
                    save_strategy="no", disable_tqdm=True, use_cpu=True,
                )
                transformers.Trainer(
                    Model(), arguments, train_dataset=rows, eval_dataset=rows,
                    callbacks=[transformers_callback(track, results)],
                ).train()
            """
        }
    )
    done = sandbox.expt("experiments", timeout=100)
    assert done.exit_code == 0, done.stdout + done.stderr
    run = sandbox.run()
    assert list(run.series["loss"].steps) == [2, 4]
    assert list(run.series["eval_loss"].steps) == [2, 4]
    assert "learning_rate" in run.series
    assert {"train_loss", "train_runtime"} <= run.results.keys()


def test_the_documented_protocol_of_transformers(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://huggingface.co/docs/transformers/main_classes/callback: `on_log(args, state, …)`."""
    transformers = types.ModuleType("transformers")
    transformers.TrainerCallback = type("TrainerCallback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    results: dict[str, Any] = {}
    callback = transformers_callback(tracked.track, results)
    first = types.SimpleNamespace(global_step=5, is_world_process_zero=True)
    other = types.SimpleNamespace(global_step=5, is_world_process_zero=False)
    callback.on_log(None, first, None, logs={"loss": 0.5, "epoch": 0.1}, model=None)
    callback.on_log(None, other, None, logs={"loss": 0.25})
    callback.on_log(None, first, None, logs={"train_runtime": 3.0, "train_loss": 0.4})
    assert tracked.series() == {"loss": [(5, 0.5)], "epoch": [(5, 0.1)]}
    assert results == {"train_runtime": 3.0, "train_loss": 0.4}


# Lightning


@installed("lightning", "torch")
def test_lightning_logs_metrics_and_puts_checkpoints_into_the_folder(sandbox: Sandbox) -> None:
    sandbox.write(
        {
            "experiments/a.py": """
            import lightning
            import torch
            from expt.adapters import lightning_logger

            class Module(lightning.LightningModule):
                def __init__(self, width=2):
                    super().__init__()
                    self.save_hyperparameters()
                    self.linear = torch.nn.Linear(width, 1)

                def training_step(self, batch, index):
                    loss = self.linear(batch).square().mean()
                    self.log("loss", loss)
                    return loss

                def validation_step(self, batch, index):
                    self.log("val_loss", self.linear(batch).square().mean())

                def on_train_end(self):
                    self.logger.experiment.text("end", "reached")

                def configure_optimizers(self):
                    return torch.optim.SGD(self.parameters(), lr=0.1)

            def experiment_a(track, archive):
                loader = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2)
                lightning.Trainer(
                    max_epochs=2, log_every_n_steps=1, accelerator="cpu",
                    logger=lightning_logger(track, archive.path / "artifacts"),
                    enable_progress_bar=False, enable_model_summary=False,
                ).fit(Module(), loader, loader)
            """
        }
    )
    done = sandbox.expt("experiments", timeout=100)
    assert done.exit_code == 0, done.stdout + done.stderr
    run = sandbox.run()
    assert list(run.series["loss"].steps) == list(range(8))
    assert list(run.series["val_loss"].steps) == [3, 7]
    assert run.series["end"].last == "reached"
    assert [name for name in run.artifacts if name.endswith(".ckpt")]


def test_the_documented_protocol_of_lightning(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """https://lightning.ai/docs/pytorch/stable/extensions/logging.html: a custom logger."""
    module = "lightning.pytorch"
    for name in ("lightning", module, f"{module}.loggers", f"{module}.utilities"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[f"{module}.loggers"].Logger = type("Logger", (), {})  # type: ignore[attr-defined]
    sys.modules[f"{module}.utilities"].rank_zero_only = lambda each: each  # type: ignore[attr-defined]
    logger = lightning_logger(tracked.track, tmp_path)
    logger.log_hyperparams({"lr": 0.1}, None)
    logger.log_metrics({"loss": 0.5, "epoch": 0}, step=3)
    logger.log_metrics(metrics={"loss": Tensor(0.25)}, step=4)
    assert logger.save_dir == str(tmp_path)
    assert logger.experiment is tracked.track
    assert tracked.series() == {"loss": [(3, 0.5), (4, 0.25)], "epoch": [(3, 0)]}
