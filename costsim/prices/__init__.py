"""What one call costs: dated price books, exact arithmetic in nano-dollars, token counts.

>>> from costsim.prices import load_price_book
>>> load_price_book("list-2024").unit("gpt-4-turbo").usd_per_million["output"]
Decimal('30')
"""

from __future__ import annotations

from costsim.prices.book import PriceBook, load_price_book, price_books
from costsim.prices.cost import CallCost, call_cost, call_cost_nano, split_cost
from costsim.prices.documents import DocumentTokens, count_documents
from costsim.prices.tokens import TokenCount, count_tokens
from costsim.prices.unit import Rates, UnitPrice
from costsim.prices.unpriced import Unpriced

__all__ = [
    "CallCost",
    "DocumentTokens",
    "PriceBook",
    "Rates",
    "TokenCount",
    "UnitPrice",
    "Unpriced",
    "call_cost",
    "call_cost_nano",
    "count_documents",
    "count_tokens",
    "load_price_book",
    "price_books",
    "split_cost",
]
