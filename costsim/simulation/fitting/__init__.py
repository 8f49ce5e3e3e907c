"""From call records to a scenario, one file a quantity; ``costsim.simulation.fit`` is the door."""
