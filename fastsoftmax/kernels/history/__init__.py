"""What came before, and what it changes of a row of logits.

Read `tokens` (the history), `counts` (how often tokens came), `matches` (repetitions), then `edits` (the kernel that
changes logits) and `rules` (the edits' own arithmetic).
"""
