"""A product that is simulated at once: twenty users, one feature, a month."""

SCENARIO = """
name = "tiny"
start = 2024-02-01
days = 29
time_zone = "UTC"
monthly_budget_usd = 100
price_book = "list-2024"
population = { users = 20, tiers = [{ name = "free", share = 1.0 }] }
profiles.flat.hours = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
[features.chat]
model = "gpt-4o"
profile = "flat"
calls_per_week = 1000
input_tokens = { mean = 1000, log_sd = 0.5 }
output_tokens = { mean = 200, log_sd = 0.5 }
"""
