"""One case → one Outcome. It is handed what it may call; it does not look for it.

case ─┬─ outcomes       the archive is claimed, the record begins and ends
      ├─ scopes         providers are called and torn down: making, caching, made
      ├─ supplier       the built-in arguments: supplies, randomness, checkpointing
      ├─ capture        output and log: records, scrubbing
      ├─ isolation      what a run changed is put back: process_state, python_state,
      │                 library_state
      ├─ watch  usage   what it takes of the machine
      └─ failure        what it raised, in words

pruning                 a trial that is hopeless ends
session_files           what is the same in each archive of a session
analyses                `analysis_…` when a run has ended, `analysis_session_…` when all have
"""
