"""Where and when requests are worked on: in worker processes, or here."""
