"""What a run leaves: the folder, its files, and `run.json` back into a `RunRecord`."""

from expt.archive.artifact_names import list_artifacts
from expt.archive.artifacts import storable_result
from expt.archive.owner import owner_is_alive, owner_of_this_process
from expt.archive.params_toml import write_params_toml
from expt.archive.record import read_record, record_from_json, record_to_json
from expt.archive.writer import Archive, check_writable, run_folder, write_record
from expt.ground.files import sync_archive, write_atomically

__all__ = [
    "Archive",
    "check_writable",
    "list_artifacts",
    "owner_is_alive",
    "owner_of_this_process",
    "read_record",
    "record_from_json",
    "record_to_json",
    "run_folder",
    "storable_result",
    "sync_archive",
    "write_atomically",
    "write_params_toml",
    "write_record",
]
