"""Foreign values, understood: times, numbers and words, with a reason for each refusal."""
