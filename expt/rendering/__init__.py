"""An archive to what is made from it: pictures, videos, and a script that reloads it.

renderer, session_renderer ─┬─ plots, videos ─► drawing
       │                    └─ script ─► closure, script_cells
    beside                               what is written beside its place and renamed
"""
