"""Values made to fit annotations, strictly: an int becomes a float, text becomes a path or an
enum's member, a table becomes an attrs class or a dataclass, and nothing else changes.

    value, annotation ──► Coercer ──► typed value ──► plain ──► storable data
                             └─► Misfit: what was expected, and where inside the value

An annotation that cannot be resolved, or that no value can be held against, checks nothing.
Why this is stricter than cattrs is by itself: `docs/decisions/0003-strict-coercion.md`.
"""

from __future__ import annotations

from expt.ground.text import dotted
from expt.parameters.coercion.annotations import (
    EXACT,
    admits_none,
    admits_text,
    alternatives,
    annotation_at,
    annotation_of_default,
    annotation_of_values,
    annotations_in,
    checks_nothing,
    expected_text,
    is_kept,
    kind_of_default,
    prefer,
    resolve_annotations,
    wants_path,
    wants_run,
    wants_text,
)
from expt.parameters.coercion.fitting import Coercer, Convert, Misfit
from expt.parameters.coercion.json_schema import JsonSchema, any_of, default_of, schema_of
from expt.parameters.coercion.plain import (
    fields_of,
    holds_opaque,
    key_fields,
    plain,
    python_scalar,
    shown,
)

__all__ = [
    "EXACT",
    "Coercer",
    "Convert",
    "JsonSchema",
    "Misfit",
    "admits_none",
    "admits_text",
    "alternatives",
    "annotation_at",
    "annotation_of_default",
    "annotation_of_values",
    "annotations_in",
    "any_of",
    "checks_nothing",
    "default_of",
    "dotted",
    "expected_text",
    "fields_of",
    "holds_opaque",
    "is_kept",
    "key_fields",
    "kind_of_default",
    "plain",
    "prefer",
    "python_scalar",
    "resolve_annotations",
    "schema_of",
    "shown",
    "wants_path",
    "wants_run",
    "wants_text",
]
