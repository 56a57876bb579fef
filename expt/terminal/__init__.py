"""What a person sees while a session works: a plugin on the parent's public hooks.

    plugin ─┬─ endings ─ tracebacks    ended runs, failures, the summary; `--tb`
            ├─ sweep_table             the end of a sweep: a table by swept values, the best
            ├─ live                    each run, the session, the time that is left
            ├─ region                  the lines that are drawn again
            ├─ output                  what runs print, for `-s`
            ├─ plan_table              values and where they come from; `--plan`
            └─ nothing_selected        why nothing was selected

rich draws what a terminal shows; here stands what is said, and in what order. A pipe gets plain
lines with the same facts, and never waits for rich.
"""
