"""What a chain knows: transitions, exactly counted, and the tokens that their numbers stand for.

Read `transitions` (the table), `counting` (streams to tables), `vocabulary` (tokens to numbers), `kept` (the text,
where it is kept), `model` (all three, and the functions of them), then `states` (a user's start or context), the other
sources (`labels`, `weights`, `mapping`, `matrix`, `autoregressive`, `markovify`), and `storage` (files).
"""
