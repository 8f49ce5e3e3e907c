"""What one LLM call is, how records are kept, and how foreign logs become records."""

from costsim.records.dataset import Records, read_records
from costsim.records.schema import FIELDS, Field, check_frame

__all__ = ["FIELDS", "Field", "Records", "check_frame", "read_records"]
