"""Exponentials, logarithms and random numbers with the same bits on every CPU, and the law of top-p.

Read `exp2_table` and `exp`, then `philox`; `floats` and `filters` are a page each.
"""
