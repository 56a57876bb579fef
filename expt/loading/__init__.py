"""Imports the user's files: each once, by its place, from the bytes that are read at that moment.

    load(path) ─► name ─► importlib ─► find_spec ─► compile ─► module
                                           │           │
                      what is not the      │           └─ plain imports of neighbours get their
                      user's: the finders ─┘              full names; the bytes are kept
                      of Python

A module's name is its dotted path from the root directory. An import statement is looked up by the
rule of `imports` when its file is compiled, so that `import helpers` means the neighbour in every
file, inside functions and in other processes too, and no two files share a name. What was weighed
is told in `docs/decisions/0005-module-names-and-sys-path.md`.
"""
