"""Cases that are chosen one after the other: what is known, what to try next, when to stop one.

    archives ─ find_points ─► runs in the space ─┐
                                                 ▼
    sampler ── ask ──► Study ── ask ──► SpacePoint ─ ─ ► cases, runs
       ▲                 │                                     │
       └───── tell ──────┴──────────── tell ◄──────────────────┘

The archives are the study: nothing is kept beside them, and the next session finds what this one
knew.
"""
