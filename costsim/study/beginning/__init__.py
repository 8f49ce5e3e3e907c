"""The first files of a product: limits, gate, detectors, traffic and a build's check, by budget."""
