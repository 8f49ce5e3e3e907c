"""How a ledger is kept in Redis: keys, scripts, wires, and the steps between them."""
