"""The ground: nouns, names, the spelling of formats, and the small primitives of every row.

    errors  model  trials  options  messages    what is said: failures, nouns, one invocation
    declarations  hookspecs                     what users write: markers, plugins
    layout  encoding  expression  text          how it is spelled: files, JSON, `-k`, messages
    files  locks  toml_reading  configuration
    imports  screen                             how it reaches the machine and the person

Nothing here imports what stands above it. A tool that two rows need stands here, once.
"""
