"""Experiments and options → Plan, and what a worker needs to run its cases.

places ─► contents ─► binding ─► Binding    which files count, what each brings: imported
                         │
providers ◄── ladder ◄───┤                  who supplies a name, and what it comes to
                 │       │
chains ◄──── resolution ◄┘                  the values of one case, and of what it needs
   │
axes, searches ─► cases ─► planner ─► Plan  every point, selected, with its fingerprint

given_values  given_runs  inputs  needs     what comes from elsewhere
unknown  warnings  mistakes  skipping       what is wrong, or without effect
bound  describing  schemas  words           what workers, people and editors are told
"""
