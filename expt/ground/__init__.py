"""The ground: nouns, names, the spelling of formats, and the small primitives of every row.

    errors  model  declarations  hookspecs      what is said: failures, values, markers, hooks
    layout  encoding  expression  text          how it is spelled: files, JSON, `-k`, messages
    files  toml_reading  imports  screen        how it reaches the machine and the person

Nothing here imports what stands above it. A tool that two rows need stands here, once.
"""
