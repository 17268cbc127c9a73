"""From a model to walks and sentences.

Read `arguments`, `restarts`, `walks` (with the tables that they read), `biased` (of graphs), `smoothed` (with
smoothing) and `conditioned` (with samplers), then `sentences` (within bounds), `smoothed_sentences` (with smoothing)
and `novelty` (how much of one is copied).
"""
