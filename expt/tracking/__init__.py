"""What an experiment hands to `track` is in its archive when the call returns.

track ─► fast_path ─► scalars                 a known name, a float: a record of the map
  │
  └────► recorder ─┬─ kinds ─► entries        what a value is, and how it is kept
                   ├─ images                  pictures and figures as PNG
                   ├─ series_options          `track.configure`
                   └─ series_files            the files of `series/`

methods      `track.image` and its kin        elsewhere    `track` where no run is
going_on     a series that another run began
"""
