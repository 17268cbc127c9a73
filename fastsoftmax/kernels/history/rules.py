"""The edits' rules as one function of the kernels, which asks for an edit's code.

`edit_of(code, z, x, a, b, c)` with the code of presence, z = 2 and a = 0.5 is 1.5.
"""

from fastsoftmax.kernels.math.rules import folded
from fastsoftmax.samplers import EDITS

edit_of = folded("edit", EDITS)
"""Of a code, a logit, what the source tells of the token, and three parameters: the new logit."""
