"""Probabilities for what was never seen.

Read `ngrams` (the counts of all lengths), then `rules` (what is made of them).
"""
