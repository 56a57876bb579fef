"""Engines: somebody else's executors, behind the same shape as our own.

    RunRequest ─► parcel, bytes ─► engine ─► node: our own worker ─► bytes, parcel ─► Outcome
    all else   ─► a worker here

    spelling ─► Engine       what `--executor` names, with its settings checked
    Engine   ─► make()       a `concurrent.futures.Executor`
    mailbox                  the folder by which a session and its nodes speak in between

What an engine is asked for is little: `submit`, a future, `shutdown`. One function goes through
it, from bytes to bytes, which never raises and runs no code of the user's in the engine's process.
"""
