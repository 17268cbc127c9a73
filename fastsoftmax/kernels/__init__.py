"""The compiled kernels, and the memory that they need: short loops over plain arrays, without checks or Python objects.

Read `lanes`, `math`, `softmax`, then `sampling`, `chain`, `history` and `markov`. Each room uses those before it, but
`markov` uses `lanes` and `math` alone.
"""
