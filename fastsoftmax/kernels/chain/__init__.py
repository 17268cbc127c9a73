"""What a chain of samplers leaves of a row, and draws from it.

Read `draw`, `counts` and `verify` (the kernels), `row` (from a row to a sorted list), `steps` (the interpreter), then
`narrow` (how a filter cuts the list), `cut` (of the row, instead of a long list), `rules` (the samplers' own
arithmetic), `facts` (what it needs to know), `rank` (the sort) and `memory`.
"""
