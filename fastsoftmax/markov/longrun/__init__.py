"""What a chain does in the long run: needs SciPy.

Read `graph` (its edges at a temperature), `balance` (stationary shares), then `analysis` (the public methods).
"""
