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
