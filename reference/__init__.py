"""fastsoftmax by definition: the same results in plain Python, to read and to check the library against."""

from reference.markov import MarkovChain, Walks
from reference.philox import philox4x32, uniform
from reference.sampling import Details, details, draw, order, probabilities, sample
from reference.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "Details",
    "MarkovChain",
    "Walks",
    "details",
    "draw",
    "log_softmax",
    "logsumexp",
    "order",
    "philox4x32",
    "probabilities",
    "sample",
    "softmax",
    "uniform",
]
