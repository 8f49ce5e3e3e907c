"""Any table of calls, by a column map that is given, guessed, or not needed."""

from __future__ import annotations

from costsim.records.importers.draft import Draft
from costsim.records.importers.registry import Importer, register
from costsim.records.importers.values import words
from costsim.records.importers.values.faults import true

_CURRENCY = ("currency", "Currency", "cost_currency", "billing_currency", "price_currency")
_DOLLAR = ("usd", "us$", "$", "us dollar")


def refine(draft: Draft) -> None:
    """Refuse rows billed in another currency than the dollar."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in _CURRENCY:
        column = draft.raw(name)
        if column is not None and {"billed_cost_nano", "other_cost_nano"} & set(draft.known):
            said = words.text(column, draft.faults, name)
            dollar = pc.is_in(pc.utf8_lower(said), value_set=pa.array(_DOLLAR))
            foreign = true(pc.and_(said.is_valid(), pc.invert(dollar)))
            draft.faults.add(foreign, f"{name} must be USD; got {{}}", said)


GENERIC = register(
    Importer(
        name="generic",
        about="any CSV, JSON, JSON Lines or Parquet of calls, with a column map",
        reads=_CURRENCY,
        refine=refine,
        any_columns=True,
    )
)
