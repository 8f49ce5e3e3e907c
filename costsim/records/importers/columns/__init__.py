"""Which foreign column is which field of the record: declared, or guessed and shown."""
