"""Markov chains over tokens, and over text.

Read `chain` and `text`, the two faces, with `counted`, `making`, `giving` and `generating`, which they inherit,
`held` and `scores`; then the rooms `counts`, `reading`, `smoothing`, `walking` and `longrun`.
"""

from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.longrun.analysis import CommunicatingClass
from fastsoftmax.markov.longrun.answers import BetweenStates, ByState
from fastsoftmax.markov.scores import Scores
from fastsoftmax.markov.text import MarkovText
from fastsoftmax.markov.walking.sentences import Reason
from fastsoftmax.markov.walking.walks import Walks

__all__ = ["BetweenStates", "ByState", "CommunicatingClass", "MarkovChain", "MarkovText", "Reason", "Scores", "Walks"]
