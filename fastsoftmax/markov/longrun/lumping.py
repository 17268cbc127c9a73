"""Which group each state is in, and whether the groups are a chain.

Where sun, rain and snow stay with 0.8, and go to each of the others with 0.1, rain and snow are one group: from both of
them sun comes with 0.1.
"""

from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Floats, Positions
from fastsoftmax.markov.counts.labels import Labels
from fastsoftmax.markov.longrun.answers import States

_KINDS = "a dict {state: group} or a list of lists of states"


def groups_of(groups: Any, states: States, known: Labels) -> tuple[Positions, list[int]]:
    """Return the group of each state, by number, and what each group is called, as ids of labels.

    Raises
    ------
    KeyError
        If a label is no state.
    TypeError, ValueError
        If a state is in no group or in two, or `groups` is something else.
    """
    if hasattr(groups, "items"):  # of a dict or a Series
        pairs = [(label, known.id_of(name, f"groups[{label!r}]")) for label, name in groups.items()]
    elif isinstance(groups, (list, tuple)) and all(isinstance(one, (list, tuple, set, frozenset)) for one in groups):
        pairs = [(label, known.id_of(number, "groups")) for number, one in enumerate(groups) for label in one]
    else:
        raise TypeError(f"groups is {_checks.described(groups)}, expected {_KINDS}")
    found = np.full(len(states), -1)
    numbers: dict[int, int] = {}
    for label, name in pairs:
        place = states.place_of(label, "groups")
        if found[place] >= 0:
            raise ValueError(f"groups has the state {label!r} twice, expected each state once")
        found[place] = numbers.setdefault(name, len(numbers))
    if (found < 0).any():
        raise ValueError(f"groups has no group for {states.labels[int(found.argmin())]!r}, expected each state once")
    return found, list(numbers)


def difference(
    own: Positions, targets: Positions, chances: Floats, groups: Positions
) -> tuple[float, int, int, int, float, float]:
    """Return by how much two states of one group differ at most in how likely they go to a group, and where.

    Parameters
    ----------
    own : (E,) int
        The state that each edge leads from.
    targets : (E,) int
        The group that it leads to, or one number more for the end.
    chances : (E,) float64
        How likely it is.
    groups : (S,) int
        The group of each state.

    Returns
    -------
    tuple
        The difference, two states, the group that they differ on, and how likely each goes there.
    """
    ends = int(groups.max()) + 2
    pairs, where = np.unique(own * ends + targets, return_inverse=True)
    to_group = np.bincount(where, chances)
    states, reached = np.divmod(pairs, ends)
    order = np.lexsort((to_group, reached, groups[states]))  # by group, by the group it leads to, by how likely
    states, reached, to_group = states[order], reached[order], to_group[order]
    of = groups[states] * ends + reached
    first = np.flatnonzero(np.diff(of, prepend=-1))
    last = np.append(first[1:], of.size) - 1
    all_reach = last - first + 1 == np.bincount(groups)[groups[states[first]]]
    gaps = to_group[last] - np.where(all_reach, to_group[first], 0.0)
    run = int(gaps.argmax())
    most, least, goal = int(states[last[run]]), int(states[first[run]]), int(reached[first[run]])
    if all_reach[run]:
        return float(gaps[run]), most, least, goal, float(to_group[last[run]]), float(to_group[first[run]])
    reaching = states[first[run] : last[run] + 1]
    least = int(np.setdiff1d(np.flatnonzero(groups == groups[most]), reaching)[0])
    return float(gaps[run]), most, least, goal, float(to_group[last[run]]), 0.0
