"""One invocation of `expt`: the parent's work from files to the exit code, and the worker's main.

session ─┬─ selecting    words to experiments
         ├─ burying      what becomes of a request whose worker died
         ├─ syncing      archives reach the disk
         └ ─ ─ worker    the process that imports, plans, runs and renders
"""
