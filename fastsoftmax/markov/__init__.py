"""Markov chains over tokens, and over text."""

from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.text import MarkovText
from fastsoftmax.markov.walks import Walks

__all__ = ["MarkovChain", "MarkovText", "Walks"]
