"""Every file name of an archive and of an experiment tree, spelled once.

runs/                                   the archive root
  .index.sqlite                         a cache of the listing, never the truth
  .smoke/  .scratch/                    roots of their own, left out of listings
  .sessions/<session>/                  pictures and a script of all runs of a session
  vision/mnist/experiment_train/        a node id's path and function
    2026-11-23_10-15-30_7fk2…/          one archive
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT: Final = 1
MOMENT: Final = "%Y-%m-%d_%H-%M-%S"  # of its start: names of archives and sessions begin so
MOMENT_PATTERN: Final = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"

# An experiment tree
PARAMS_FILE: Final = "params.toml"
SCHEMA_FILE: Final = "params.schema.json"  # beside a params.toml
SCHEMA_DIRECTIVE: Final = "#:schema"  # by which editors of TOML find a file's schema
SCHEMA_LINE: Final = f"{SCHEMA_DIRECTIVE} {SCHEMA_FILE}"
CONFTEST_FILE: Final = "conftest.py"
EXPERIMENT_PREFIX: Final = "experiment_"
ANALYSIS_PREFIX: Final = "analysis_"
SESSION_ANALYSIS_PREFIX: Final = "analysis_session_"
CONFIGURATION_FILE: Final = "expt.toml"
PROJECT_FILE: Final = "pyproject.toml"
RESERVED_TABLE: Final = "expt"
USUAL_PATHS: Final = ("experiments",)

# An archive root
RUNS_DIR: Final = "runs"
SMOKE_DIR: Final = ".smoke"
SCRATCH_DIR: Final = ".scratch"
SESSIONS_DIR: Final = ".sessions"  # what belongs to a whole session: pictures of its sweep
MAILBOX_DIR: Final = "mailbox"  # of a session whose cases are at an engine
CACHE_DIR: Final = ".cache"  # values of providers with cache=True
INDEX_FILE: Final = ".index.sqlite"
PAGE_FILE: Final = ".page.json"  # while a page of the root is served: its address
OWNER_FILE: Final = ".owner.json"  # in an archive of --scratch: whose the folder is

# An archive
RUN_FILE: Final = "run.json"
LABELS_FILE: Final = "labels.json"
STOPPED_FILE: Final = "%tmp-stopped"  # while somebody has asked for the end of this run alone
PROGRESS_FILE: Final = "%tmp-progress"  # while the outermost `progress` of a run goes on
MANIFEST_FILE: Final = "manifest.json"
ENVIRONMENT_FILE: Final = "environment.json"
LOG_FILE: Final = "output.log"
ANALYSIS_FILE: Final = "analysis.py"
CODE_DIR: Final = "code"
PATCH_FILE: Final = "uncommitted.patch"  # in CODE_DIR
ANALYSES_FILE: Final = "analyses.json"  # in CODE_DIR: the analysis_* functions of this run
OUTSIDE_DIR: Final = "_outside"  # in CODE_DIR: editable installs that lie outside the root
SERIES_DIR: Final = "series"
ARTIFACTS_DIR: Final = "artifacts"
INPUTS_DIR: Final = "inputs"  # copies of what the run was given as `expt.Kept[Path]`
ARTIFACT_NAMES_FILE: Final = "%names.jsonl"  # in ARTIFACTS_DIR: names too long for a file name
CHECKPOINTS_DIR: Final = "checkpoints"
PLOTS_DIR: Final = "plots"
PLOTS_INDEX: Final = "index.json"  # in PLOTS_DIR: series name -> files
PLOTS_NOTICES: Final = "notices.json"  # in PLOTS_DIR: what could not be drawn, and why
UNFINISHED_PREFIX: Final = ".unfinished-"  # a folder that is being filled; a renderer's pid
OVERVIEW_FILE: Final = "overview.png"  # in PLOTS_DIR: all scalar series on one sheet

# In SERIES_DIR
OWN_SERIES: Final = "expt/"  # begins the names of series that expt measures: no user's can
SCALARS_FILE: Final = "scalars.bin"  # fixed-size records, see archive/scalar_records.py
NAMES_FILE: Final = "names.jsonl"  # one line a name: {"id", "name", "kind"}; then options
ENTRIES_FILE: Final = "entries.jsonl"  # one line an entry of every kind but scalars
RESULTS_FILE: Final = "results.jsonl"  # one line a result set during the run
SERIES_FILES: Final = (NAMES_FILE, ENTRIES_FILE, RESULTS_FILE, SCALARS_FILE)

# What no snapshot of code takes, by the name of the file: secrets, keys, data, archives
NOT_CODE: Final = (
    *(".env", ".env.*", "*.env", ".netrc", ".npmrc", ".pypirc", ".htpasswd", "id_rsa*", "id_dsa*"),
    *("id_ecdsa*", "id_ed25519*", "credentials", "credentials.json", "credentials.toml"),
    *("credentials.y*ml", "secrets.json", "secrets.toml", "secrets.y*ml", "*.pem", "*.key"),
    *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.gpg", "*.asc"),
    *("*.zip", "*.tar", "*.tgz", "*.gz", "*.bz2", "*.xz", "*.zst", "*.7z", "*.rar", "*.whl"),
    *("*.csv", "*.tsv", "*.npy", "*.npz", "*.mat", "*.h5", "*.hdf5", "*.nc", "*.parquet"),
    *("*.feather", "*.arrow", "*.pkl", "*.pickle", "*.joblib", "*.pt", "*.pth", "*.ckpt"),
    *("*.safetensors", "*.onnx", "*.tfrecord", "*.sqlite", "*.sqlite3", "*.db", "*.bin"),
    *("*.png", "*.jpg", "*.jpeg", "*.gif", "*.tif", "*.tiff", "*.mp4", "*.avi", "*.wav", "*.pdf"),
)

CODE_CAP: Final = 16 * 1024 * 1024  # bytes of code in one archive


def usual_runs(root: Path, configuration: Mapping[str, Any]) -> Path:
    """Where archives are, unless somebody says otherwise."""
    folder: str = configuration.get("runs", RUNS_DIR)
    return root / folder


def usual_paths(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """Where experiments are looked for, unless somebody says otherwise."""
    return tuple(configuration.get("paths", USUAL_PATHS))
