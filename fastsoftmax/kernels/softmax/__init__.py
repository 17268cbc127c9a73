"""From a row of logits to weights, probabilities and their logarithms.

Read `weights` (a block of a row), `scaling` (the last sweep), then the three ways: `long_rows` (more than 512 numbers),
`columns` (up to 128, and other axes: a row or column a lane), `lockstep` (129 to 512, sixteen rows at once). `logs` has
the logarithms, `short_logs` and `middle_logs` those of sixteen rows at once; `one_row` gives one row alone what these
would.
"""
