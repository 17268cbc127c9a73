"""The compiled kernels, and the memory that they need: short loops over plain arrays, without checks or Python objects.

Read `lanes`, `math`, `softmax`, then `history`, `sampling`, `chain` and `markov`. Each room uses those before it, but
`history` and `markov` use `lanes` and `math` alone.
"""
