"""Where and when requests are worked on: in worker processes, here, or at an engine.

submit ─┬─► workers ─► starting ─► processes ─ ─ wire ─ ─► Worker of `sessions`
        ├─► inline                 this process, for `-n 0`
        └─► engines                somebody else's executor

waiting  one_worker  limits        the queue, what one worker does, what there is room for
death                              what is known of a worker that died
"""
