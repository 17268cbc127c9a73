"""What a chain knows: transitions, exactly counted, and the tokens that their numbers stand for.

Read `transitions` (the table), `counting` (streams to tables), `vocabulary` (tokens to numbers), `model` (both, and the
functions of both), then `states` (a user's start or context), the other sources (`labels`, `weights`, `mapping`,
`matrix`, `autoregressive`, `markovify`), and `storage` (files).
"""
