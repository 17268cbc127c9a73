"""Exponentials, logarithms and random numbers with the same bits on every CPU, and the law of top-p.

Read `exp2_table` and `exp`, then `philox`; `floats`, `filters`, `radix` (a sort) and `rules` (the samplers' own) are a
page each.
"""
