"""Arrays to pictures: line plots, heat maps, tables, contact sheets, videos.

    numbers              how a number stands on an axis
    curves   styles      a series as the points its pixels need; colours and fonts
    frames               arrays to uint8 frames of one size
       │        │
    panels  sheets       axes that show curves; the pictures made of them
    videos               frames to a file that plays everywhere

Nothing here knows of a run, a reader or an archive. matplotlib is used without pyplot, so that a
user's own figures are left alone. Every module below imports numpy, most of them matplotlib:
import them inside the function that draws.
"""
