"""Values made to fit annotations, strictly: an int becomes a float, text becomes a path or an
enum's member, a table becomes an attrs class or a dataclass, and nothing else changes.

    value, annotation ──► Coercer ──► typed value ──► plain ──► storable data
                             └─► Misfit: what was expected, and where inside the value

An annotation that cannot be resolved, or that no value can be held against, checks nothing.
Why this is stricter than cattrs is by itself: `docs/decisions/0003-strict-coercion.md`.
"""
