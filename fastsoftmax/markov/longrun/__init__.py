"""What a chain does in the long run: needs SciPy.

Read `graph` (states and steps at a temperature), `answers` (numbers by label) and `given` (what a user gives by label),
then what is computed: `balance` (stationary shares), `steps` (where walks are), `solving` and `passage` (whether and
when they come somewhere), `spectrum` (how fast they forget), `lumping` (whether groups are a chain); and the public
methods: `asked`, `analysis`, `times`, `mixing`, `averages`, `changing`.
"""
