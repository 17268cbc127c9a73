"""What came before, and what it changes of a row of logits.

Read `tokens` (the history), `counts` (how often tokens came), `matches` (repetitions), then `edits` (what they
make of a row) and `rules` (the edits' own arithmetic).
"""
