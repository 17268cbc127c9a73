"""What a chain does in the long run: needs SciPy.

Read `graph` (states and steps at a temperature) and `answers` (numbers by label), then what is computed: `balance`
(stationary shares), `steps` (where walks are), `solving` and `passage` (whether and when they come somewhere),
`spectrum` (how fast they forget); and the public methods: `asked`, `analysis`, `times`, `mixing`.
"""
