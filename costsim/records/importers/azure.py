"""Azure LLM inference traces: a time and two token counts, nothing else."""

from __future__ import annotations

from costsim.records.importers.registry import Column, Importer, register

AZURE = register(
    Importer(
        name="azure",
        about="Azure public LLM inference traces (TIMESTAMP, ContextTokens, GeneratedTokens)",
        columns=(
            Column("timestamp", ("TIMESTAMP",), required=True),
            Column("input_tokens", ("ContextTokens",), required=True),
            Column("output_tokens", ("GeneratedTokens",), required=True),
        ),
        constants={"usage_source": "provider"},
        times_are_utc=True,
    )
)
