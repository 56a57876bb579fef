"""What a run leaves: the folder and its files, each format written and read in one module.

    record         run.json                  lines          files of lines, and what is wrong there
    json_files     the small JSON files        series_lines   names, entries, results
    params_toml    params.toml                 scalar_records scalars.bin
    artifacts      what archive.save makes     entry_files    tracked pictures and arrays
    array_files    .npy, .npz, pictures      snapshot       environment and code, as they are taken
    owner          who writes it             writer         all of a run's files but its series

Nothing of the user's is imported, executed or unpickled, and nothing outside an archive is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.surface import surface

if TYPE_CHECKING:
    from expt.archive.artifact_names import list_artifacts
    from expt.archive.artifacts import decode_artifact
    from expt.archive.claiming import check_writable
    from expt.archive.json_files import (
        environment_to_bytes,
        read_analyses,
        read_environment,
        read_plot_notices,
        read_plots,
        write_plots,
    )
    from expt.archive.owner import (
        BEAT,
        ask_to_stop,
        asked_to_stop,
        owner_is_alive,
        owner_of_this_process,
        run_is_alive,
        touch_run,
    )
    from expt.archive.params_toml import write_params_toml
    from expt.archive.record import (
        field_from_json,
        microseconds,
        parse_headline,
        parse_time,
        read_fields,
        read_headline,
        read_outcome,
        read_record,
        record_from_json,
        record_to_json,
    )
    from expt.archive.returned import named_results, storable_result
    from expt.archive.series_lines import read_results
    from expt.archive.writer import Archive, run_folder, write_record
    from expt.ground.files import sync_archive, write_atomically

__all__ = [
    "BEAT",
    "Archive",
    "ask_to_stop",
    "asked_to_stop",
    "check_writable",
    "decode_artifact",
    "environment_to_bytes",
    "field_from_json",
    "list_artifacts",
    "microseconds",
    "named_results",
    "owner_is_alive",
    "owner_of_this_process",
    "parse_headline",
    "parse_time",
    "read_analyses",
    "read_environment",
    "read_fields",
    "read_headline",
    "read_outcome",
    "read_plot_notices",
    "read_plots",
    "read_record",
    "read_results",
    "record_from_json",
    "record_to_json",
    "run_folder",
    "run_is_alive",
    "storable_result",
    "sync_archive",
    "touch_run",
    "write_atomically",
    "write_params_toml",
    "write_plots",
    "write_record",
]

if not TYPE_CHECKING:  # which knows the names above, and no others
    __getattr__ = surface(
        __name__,
        {
            "expt.archive.artifact_names": "list_artifacts",
            "expt.archive.artifacts": "decode_artifact",
            "expt.archive.claiming": "check_writable",
            "expt.archive.json_files": (
                "environment_to_bytes read_analyses read_environment read_plot_notices read_plots "
                "write_plots"
            ),
            "expt.archive.owner": (
                "BEAT ask_to_stop asked_to_stop owner_is_alive owner_of_this_process run_is_alive"
                " touch_run"
            ),
            "expt.archive.params_toml": "write_params_toml",
            "expt.archive.record": (
                "field_from_json microseconds parse_headline parse_time read_fields read_headline "
                "read_outcome read_record record_from_json record_to_json"
            ),
            "expt.archive.returned": "named_results storable_result",
            "expt.archive.series_lines": "read_results",
            "expt.archive.writer": "Archive run_folder write_record",
            "expt.ground.files": "sync_archive write_atomically",
        },
    )
