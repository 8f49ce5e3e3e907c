"""Foreign files, opened: what they are, and their rows chunk by chunk."""
