"""Which formats there are: expt's own, and those that plugins add by `expt_add_formats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from expt.exchange.foreign import Export, Import
from expt.exchange.hydra_runs import read_hydra
from expt.exchange.mlflow_store import read_mlflow, write_mlflow
from expt.exchange.notebooks import write_notebook
from expt.exchange.plain_tables import write_csv, write_parquet
from expt.exchange.pycomex_archives import read_pycomex
from expt.exchange.ro_crate import write_ro_crate
from expt.exchange.sacred_runs import read_sacred
from expt.exchange.tensorboard_events import read_tensorboard, write_tensorboard
from expt.exchange.wandb_runs import read_wandb, write_wandb
from expt.ground.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def own_exports() -> dict[str, Export]:
    """The formats that expt writes, by name."""
    return {
        "csv": Export("a folder with two tables: runs.csv and series.csv", write_csv),
        "mlflow": Export("MLflow's file store, or a server at http://…", write_mlflow, adds=True),
        "notebook": Export("the analysis script as a notebook", write_notebook),
        "parquet": Export("the same tables as csv, typed", write_parquet),
        "ro-crate": Export("a zip that is a Process Run Crate, with a page", write_ro_crate),
        "tensorboard": Export("event files in a log directory", write_tensorboard, adds=True),
        "wandb": Export("offline runs of W&B, ready for 'wandb sync'", write_wandb, adds=True),
    }


def own_imports() -> dict[str, Import]:
    """The formats that expt reads, by name."""
    return {
        "hydra": Import("output folders of Hydra: outputs/, multirun/, or one run", read_hydra),
        "mlflow": Import("MLflow's file store: mlruns/, an experiment or a run in it", read_mlflow),
        "pycomex": Import("a PyComex archive, or a folder of them", read_pycomex),
        "sacred": Import("folders of Sacred's FileStorageObserver", read_sacred),
        "tensorboard": Import("a log directory: a run for each folder of events", read_tensorboard),
        "wandb": Import("W&B's folder wandb/, or a run in it", read_wandb),
    }


def find_format(name: str, known: Mapping[str, T], verb: str) -> T:
    """The format of that name. Raises `UsageError`, with those that there are."""
    if name in known:
        return known[name]
    hint = suggestion(name, known, "formats")
    raise UsageError(f"there is no format '{name}' to {verb}", f"expt {verb} {name}", hint)
