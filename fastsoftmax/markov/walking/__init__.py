"""From a model to walks and sentences.

Read `arguments`, `restarts`, `walks` (with the tables that they read), `biased` (of graphs), `smoothed` (with
smoothing) and `conditioned` (with samplers), then `sentences` (within bounds), `phrases` (that they have to hold),
`smoothed_sentences` (with smoothing), `checks` (what is seen of a whole one alone), `quotes` (whether they are
balanced) and `novelty` (how much is copied).
"""
