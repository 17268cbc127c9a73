"""From logits to tokens and from text to Markov walks, on a CPU."""

from fastsoftmax._threads import get_num_threads, set_num_threads
from fastsoftmax.markov import CommunicatingClass, MarkovChain, MarkovText, Reason, Scores, Walks
from fastsoftmax.sampling import Details, KeptSet, Sampler, SamplingParams, TopLogprobs, probabilities, sample
from fastsoftmax.softmax import log_softmax, logsumexp, softmax

__all__ = [
    "CommunicatingClass",
    "Details",
    "KeptSet",
    "MarkovChain",
    "MarkovText",
    "Reason",
    "Sampler",
    "SamplingParams",
    "Scores",
    "TopLogprobs",
    "Walks",
    "get_num_threads",
    "log_softmax",
    "logsumexp",
    "probabilities",
    "sample",
    "set_num_threads",
    "softmax",
]
