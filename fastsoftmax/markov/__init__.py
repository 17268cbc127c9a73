"""Markov chains over tokens, and over text."""

from fastsoftmax.markov.analysis import CommunicatingClass
from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.scoring import Scores
from fastsoftmax.markov.sentences import Reason
from fastsoftmax.markov.text import MarkovText
from fastsoftmax.markov.walks import Walks

__all__ = ["CommunicatingClass", "MarkovChain", "MarkovText", "Reason", "Scores", "Walks"]
