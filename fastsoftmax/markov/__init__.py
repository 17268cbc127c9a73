"""Markov chains over tokens, and over text.

Read `chain` and `text`, the two faces, with `scoring`, `text_scoring` and `generating`, which they inherit; then the
rooms `counts`, `reading`, `smoothing`, `walking` and `longrun`.
"""

from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.longrun.analysis import CommunicatingClass
from fastsoftmax.markov.scoring import Scores
from fastsoftmax.markov.text import MarkovText
from fastsoftmax.markov.walking.sentences import Reason
from fastsoftmax.markov.walking.walks import Walks

__all__ = ["CommunicatingClass", "MarkovChain", "MarkovText", "Reason", "Scores", "Walks"]
