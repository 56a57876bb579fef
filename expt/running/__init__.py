"""One case → one Outcome. It is handed what it may call; it does not look for it."""
