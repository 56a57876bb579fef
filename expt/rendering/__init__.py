"""An archive to what is made from it: pictures, videos, and a script that reloads it.

renderer ─┬─ plots, videos ─► drawing
          └─ script ─► closure
"""
