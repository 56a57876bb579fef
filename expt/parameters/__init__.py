"""Parameters before planning: files, typed texts, layers, sweeps, and what must stay secret.

    params.toml ─ read_params_file ─► ParamsFile ─ table_layers ─► Layer ┐
    signature, provider, --params ──────────────────────────────► Layer ┤ resolve_name
    -p NAME=VALUE ─ parse_assignment, parse_value ──────────────► .lay ─┘   │
    --sweep, [expt.sweep] ─ parse_sweep, axes_from_table ─► Axis ─► .lay    ▼
                                             origins, value ◄─ .settle ─ Resolved

Nothing here imports, knows an experiment or evaluates a text.
"""

from __future__ import annotations

from expt.parameters.coercion import MASK
from expt.parameters.environment import FileText, expand_environment, place_path, settle_value
from expt.parameters.layers import Layer, Resolved, Where, resolve_name
from expt.parameters.params_files import (
    RESERVED_KEYS,
    ParamsFile,
    experiment_values,
    folder_values,
    read_params_file,
    read_values_file,
    table_layers,
)
from expt.parameters.secrets import (
    find_secrets,
    is_secret_name,
    mask_argument,
    mask_secrets,
    masked_case,
    secret_texts,
)
from expt.parameters.sweeps import (
    REPEAT,
    axes_from_table,
    expand_axes,
    make_axis,
    parse_sweep,
    parse_zip,
    product_size,
    read_points,
    read_zip,
    reject_many_cases,
    repeat_axis,
    repeat_seed,
    zip_axes,
)
from expt.parameters.typed_text import (
    Assignment,
    KeyPath,
    parse_addition,
    parse_assignment,
    parse_name,
    parse_typed_value,
    parse_value,
)

__all__ = [
    "MASK",
    "REPEAT",
    "RESERVED_KEYS",
    "Assignment",
    "FileText",
    "KeyPath",
    "Layer",
    "ParamsFile",
    "Resolved",
    "Where",
    "axes_from_table",
    "expand_axes",
    "expand_environment",
    "experiment_values",
    "find_secrets",
    "folder_values",
    "is_secret_name",
    "make_axis",
    "mask_argument",
    "mask_secrets",
    "masked_case",
    "parse_addition",
    "parse_assignment",
    "parse_name",
    "parse_sweep",
    "parse_typed_value",
    "parse_value",
    "parse_zip",
    "place_path",
    "product_size",
    "read_params_file",
    "read_points",
    "read_values_file",
    "read_zip",
    "reject_many_cases",
    "repeat_axis",
    "repeat_seed",
    "resolve_name",
    "secret_texts",
    "settle_value",
    "table_layers",
    "zip_axes",
]
