"""The page before a launch: ready or not, what it costs, whom the limits block."""
