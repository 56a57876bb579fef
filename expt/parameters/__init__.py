"""Parameters before planning: files, typed texts, layers, sweeps, and what must stay secret.

    params.toml ─ read_params_file ─► ParamsFile ─ table_layers ─► Layer ─┐
    signature, provider, --params ──────────────────────────────► Layer ─┤
    -p NAME=VALUE ─ parse_assignment ─► Assignment ─ read_assigned ──────┤ .lay
    --sweep ─ parse_sweep ─► Sweep ─ read_sweep ─┐                       │
    [expt.sweep] ─ axes_from_table ──────────────┴─► Axis ─ expand_axes ─┤
                                                                         ▼
                                         origins, value ◄─ .settle ─ Resolved

Nothing here imports, knows an experiment or evaluates a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expt.ground.surface import surface

if TYPE_CHECKING:
    from expt.ground.text import MASK
    from expt.parameters.chained_axes import inherit_axes, point_key, points_for
    from expt.parameters.choices import Choice, read_choices
    from expt.parameters.environment import FileText, expand_environment, place_path, settle_value
    from expt.parameters.folder_axes import (
        Given,
        Step,
        axes_of_folders,
        ended_by,
        repeat_of_folders,
        search_of_folders,
    )
    from expt.parameters.layers import Layer, Resolved, Where
    from expt.parameters.masking import (
        SHORTEST,
        make_scrubber,
        mask_patch,
        mask_source,
        secret_pattern,
        secret_spellings,
    )
    from expt.parameters.params_files import (
        RESERVED_KEYS,
        ParamsFile,
        experiment_values,
        folder_values,
        read_params_file,
        read_values_file,
        table_layers,
        table_remarks,
    )
    from expt.parameters.points import is_random, is_range, read_points
    from expt.parameters.search_tables import merge_words, parse_objectives, parse_space
    from expt.parameters.secret_values import (
        Secrets,
        is_secret_name,
        mask_secrets,
        masked_case,
        secret_names,
        secret_texts,
    )
    from expt.parameters.secrets import find_secrets, mask_argument
    from expt.parameters.seeds import SEED, repeat_seed, seed_words
    from expt.parameters.sweeps import (
        REPEAT,
        Group,
        axes_from_table,
        drop_names,
        expand_axes,
        is_random_axis,
        join_axes,
        make_axis,
        merge_axes,
        parse_sweep,
        parse_zip,
        product_size,
        read_sweep,
        read_zip,
        reject_many_cases,
        reject_swept_twice,
        repeat_axis,
        sweep_over,
        zip_axes,
    )
    from expt.parameters.typed_text import (
        KeyPath,
        assign,
        parse_assignment,
        parse_name,
        parse_value,
        read_assigned,
    )

__all__ = [
    "MASK",
    "REPEAT",
    "RESERVED_KEYS",
    "SEED",
    "SHORTEST",
    "Choice",
    "FileText",
    "Given",
    "Group",
    "KeyPath",
    "Layer",
    "ParamsFile",
    "Resolved",
    "Secrets",
    "Step",
    "Where",
    "assign",
    "axes_from_table",
    "axes_of_folders",
    "drop_names",
    "ended_by",
    "expand_axes",
    "expand_environment",
    "experiment_values",
    "find_secrets",
    "folder_values",
    "inherit_axes",
    "is_random",
    "is_random_axis",
    "is_range",
    "is_secret_name",
    "join_axes",
    "make_axis",
    "make_scrubber",
    "mask_argument",
    "mask_patch",
    "mask_secrets",
    "mask_source",
    "masked_case",
    "merge_axes",
    "merge_words",
    "parse_assignment",
    "parse_name",
    "parse_objectives",
    "parse_space",
    "parse_sweep",
    "parse_value",
    "parse_zip",
    "place_path",
    "point_key",
    "points_for",
    "product_size",
    "read_assigned",
    "read_choices",
    "read_params_file",
    "read_points",
    "read_sweep",
    "read_values_file",
    "read_zip",
    "reject_many_cases",
    "reject_swept_twice",
    "repeat_axis",
    "repeat_of_folders",
    "repeat_seed",
    "search_of_folders",
    "secret_names",
    "secret_pattern",
    "secret_spellings",
    "secret_texts",
    "seed_words",
    "settle_value",
    "sweep_over",
    "table_layers",
    "table_remarks",
    "zip_axes",
]

if not TYPE_CHECKING:  # which knows the names above, and no others
    __getattr__ = surface(
        __name__,
        {
            "expt.ground.text": "MASK",
            "expt.parameters.chained_axes": "inherit_axes point_key points_for",
            "expt.parameters.choices": "Choice read_choices",
            "expt.parameters.environment": "FileText expand_environment place_path settle_value",
            "expt.parameters.folder_axes": (
                "Given Step axes_of_folders ended_by repeat_of_folders search_of_folders"
            ),
            "expt.parameters.layers": "Layer Resolved Where",
            "expt.parameters.masking": (
                "SHORTEST make_scrubber mask_patch mask_source secret_pattern secret_spellings"
            ),
            "expt.parameters.params_files": (
                "ParamsFile RESERVED_KEYS experiment_values folder_values read_params_file "
                "read_values_file table_layers table_remarks"
            ),
            "expt.parameters.points": "is_random is_range read_points",
            "expt.parameters.search_tables": "merge_words parse_objectives parse_space",
            "expt.parameters.secret_values": (
                "Secrets is_secret_name mask_secrets masked_case secret_names secret_texts"
            ),
            "expt.parameters.secrets": "find_secrets mask_argument",
            "expt.parameters.seeds": "SEED repeat_seed seed_words",
            "expt.parameters.sweeps": (
                "Group REPEAT axes_from_table drop_names expand_axes is_random_axis join_axes "
                "make_axis merge_axes parse_sweep parse_zip product_size read_sweep read_zip "
                "reject_many_cases reject_swept_twice repeat_axis sweep_over zip_axes"
            ),
            "expt.parameters.typed_text": (
                "KeyPath assign parse_assignment parse_name parse_value read_assigned"
            ),
        },
    )
