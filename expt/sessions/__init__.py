"""One invocation of `expt`: the parent's work from files to the exit code, and the worker's main.

session ─┬─ selecting     words to experiments
         ├─ deciding      experiments to a plan, in a worker; looking_back, what is done
         ├─ scheduling    which case when: needing, feeding (searches and plugins)
         ├─ crew          the processes: serving starts them, burying ends what died
         ├─ books         what was said of each run; syncing, archives on the disk
         └─ interrupting  Ctrl-C and its kin
               │
worker ◄─ ─ ─ ─┘          imports, plans, runs and renders; input_runs, what it is given

engine_home ─ shipping ─► node    the same at an engine, on another machine
rerunning                         an archived run as options
"""
