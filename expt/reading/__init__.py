"""Reading archives: one run, many runs, what was tracked, and what people type to name them.

    references  runs           what was typed ─► runs          moments  fields  tables
          │      │
       finding ── query        which of them are asked for         admitting  where  narrowing
          │
        index ── scanning      which archives there are, and a row of each
          │
         run ─── recorded      one archive, read on demand     series  saved  tables  outlines

Nothing of the user's is imported, executed or unpickled, and nothing outside an archive is opened.
"""
