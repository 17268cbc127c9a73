"""Pictures of distributions and chains, by matplotlib (the extra `plot`): each returns its Axes, and draws on `ax=`.

Read `distribution` first: what draws logits checks them through `fastsoftmax.table`, what draws a chain asks the chain.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._table import TokenTable, table
from fastsoftmax.samplers.chain import SamplerChain, chain_of
from fastsoftmax.sampling import probabilities

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastsoftmax.markov import ByState, MarkovChain

__all__ = ["curves", "cut_by", "distribution", "entropy", "evolution", "kept", "spectrum", "transitions"]

_MOST_STATES = 2000  # whose eigenvalues are drawn
_LEFT, _GONE = "#3f7fd6", "#9aa5b1"  # of what is left, and of what is cut
_TURNS = ("#c2571a", "#7b4fb5", "#2e8b57", "#b3261e", "#8a6d00", "#00798c")  # of the steps that cut


def distribution(
    logits: Any,
    /,
    *,
    temperature: Any = (0.5, 1.0, 2.0),
    tokens: Sequence[Any] | None = None,
    ax: Any = None,
    **words: Any,
) -> "Axes":
    """Draw the probabilities of tokens at some temperatures, as bars side by side.

    Parameters
    ----------
    logits, temperature, tokens
        As `table` takes them.
    ax : Axes, optional
        Where to draw; new ones by default.
    **words
        top_k, top_p, min_p or samplers, as `table` takes them.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        As `table`; ImportError without matplotlib.
    """
    found, axes = table(logits, tokens=tokens, temperature=temperature, **words), _axes(ax)
    places, count = np.arange(len(found)), len(found.temperatures)
    for turn, (heat, shares) in enumerate(zip(found.temperatures, found.probabilities, strict=True)):
        axes.bar(places + (turn - (count - 1) / 2) * 0.8 / count, shares, 0.8 / count, label=f"T = {heat:g}")
    _name_tokens(axes, found)
    axes.set_ylabel("probability")
    axes.legend(frameon=False)
    return axes


def curves(logits: Any, /, *, temperature: float = 5.0, tokens: Sequence[Any] | None = None, ax: Any = None) -> "Axes":
    """Draw the curves e^x and e^(x / T), with the logits on them.

    Parameters
    ----------
    logits, tokens
        As `table` takes them; the finite ones are drawn.
    temperature : float, default 5.0
        Above 0.
    ax : Axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        As `table`, or if no logit is finite; ImportError without matplotlib.
    """
    (heat,) = _checks.per_row("temperature", temperature, (), np.float64, lambda t: t > 0.0, "a number > 0")
    found, axes = table(logits, tokens=tokens), _axes(ax)
    z = found.logits[np.isfinite(found.logits)]
    if z.size == 0:
        raise ValueError("logits has no finite number, expected one at least")
    x = np.linspace(min(z.min(), 0.0) - 0.5, z.max() + 0.5, 400)
    for curve, dots, label, colour in (
        (np.exp(x), np.exp(z), "$e^x$", _GONE),
        (np.exp(x / heat), np.exp(z / heat), f"$e^{{x/{heat:g}}}$", _LEFT),
    ):
        axes.plot(x, curve, color=colour, label=label)
        axes.plot(z, dots, "o", color=colour)
    axes.set_ylim(0.0, 1.1 * float(np.exp(z.max() + 0.5)))
    axes.set_xlabel("logit x")
    axes.legend(frameon=False)
    return axes


def entropy(logits: Any, /, *, temperatures: Any = None, ax: Any = None, **words: Any) -> "Axes":
    """Draw the entropy of the distribution, in bits, against the temperature.

    Parameters
    ----------
    logits : array_like, mapping and others
        As `table` takes them.
    temperatures : array_like, optional
        Where; from 0.05 to 10 by default.
    ax : Axes, optional
        Where to draw; new ones by default.
    **words
        top_k, top_p, min_p or samplers, as `table` takes them: what they leave.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        As `table`; ImportError without matplotlib.
    """
    heats = np.geomspace(0.05, 10.0, 200) if temperatures is None else temperatures
    found, axes = table(logits, temperature=heats, **words), _axes(ax)
    shares = found.probabilities
    logs = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
    axes.plot(found.temperatures, -(shares * logs).sum(axis=1), color=_LEFT)
    axes.axhline(float(np.log2(len(found))), color=_GONE, linestyle=":", label=f"log2 {len(found)}: all equal")
    axes.set_xscale("log")
    axes.set_xlabel("temperature T")
    axes.set_ylabel("entropy, bits")
    axes.legend(frameon=False)
    return axes


def kept(logits: Any, samplers: Any, /, *, tokens: Sequence[Any] | None = None, ax: Any = None) -> "Axes":
    """Draw what a chain keeps of a row: the softmax alone, by the step that cut a token, and what is left.

    Parameters
    ----------
    logits, tokens
        As `table` takes them.
    samplers : str, SamplerChain, or samplers
        The chain, as `SamplerChain` takes it. Of XTC both outcomes count.
    ax : Axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        As `table`, or for a chain that asks what came before; ImportError without matplotlib.
    """
    found, axes, chain = table(logits, tokens=tokens), _axes(ax), chain_of(samplers)
    before, after = found.probabilities[0], np.asarray(probabilities(found.logits, samplers=chain))
    order, left = np.argsort(-found.logits, kind="stable"), cut_by(found.logits, chain)
    place = np.argsort(order)
    for turn, step in enumerate([*chain, None]):
        some = left == turn
        colour = _GONE if step is None else _TURNS[turn % len(_TURNS)]
        if some.any():
            axes.bar(
                place[some],
                before[some],
                0.8,
                color=colour,
                alpha=0.6,
                label="kept" if step is None else f"cut by {step}",
            )
    axes.bar(place, after, 0.4, color=_LEFT, label="after the chain")
    _name_tokens(axes, found[order])
    axes.set_ylabel("probability")
    axes.legend(frameon=False)
    return axes


def transitions(chain: "MarkovChain", /, *, states: int = 12, ax: Any = None) -> "Axes":
    """Draw the graph of the likeliest states of a chain, in the long run, and the transitions among them.

    An arrow is the wider the likelier it is.

    Parameters
    ----------
    chain : MarkovChain
        A chain of any order.
    states : int, default 12
        How many states, at most.
    ax : Axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        For a chain without a transition; ImportError without matplotlib, networkx or SciPy.
    """
    import networkx

    count, share = _checks.integer("states", states, 1), chain.stationary()
    axes, places = _axes(ax), likeliest(share, count)
    graph = networkx.DiGraph()
    graph.add_nodes_from(places)
    for state in places:
        for token, chance in nexts(chain, state).items():
            after = token if chain.order == 1 else (*state, token)[max(len(state) + 1 - chain.order, 0) :]
            if after in places and token is not None:  # at order 0 all tokens lead back to the one state
                before = graph.edges[state, after]["share"] if graph.has_edge(state, after) else 0.0
                graph.add_edge(state, after, share=before + chance)
    at = networkx.circular_layout(graph)
    widths = [0.5 + 4.0 * share for *_, share in graph.edges(data="share")]
    networkx.draw_networkx_edges(
        graph, at, ax=axes, width=widths, edge_color=_GONE, node_size=1400, connectionstyle="arc3,rad=0.12"
    )
    sizes = [400.0 + 4000.0 * share[state] for state in graph]
    networkx.draw_networkx_nodes(graph, at, ax=axes, node_size=sizes, node_color=_LEFT, alpha=0.35)
    labels = {state: state_name(state) for state in places}
    networkx.draw_networkx_labels(graph, at, labels, ax=axes, font_size=9)
    axes.margins(0.15)
    axes.set_axis_off()
    return axes


def evolution(
    chain: "MarkovChain", /, start: Any = None, *, steps: int = 20, states: int = 8, ax: Any = None, **words: Any
) -> "Axes":
    """Draw how likely each state is after 0, 1, ..., `steps` tokens, and where that leads to in the long run.

    Parameters
    ----------
    chain : MarkovChain
        A chain of any order.
    start : token, sequence of tokens, or dict {state: weight}, optional
        Where walks are at first, as `MarkovChain.distribution` takes it.
    steps : int, default 20
        How many tokens.
    states : int, default 8
        How many states, at most: those that are likeliest at any time.
    ax : Axes, optional
        Where to draw; new ones by default.
    **words
        temperature, top_k, top_p, min_p or samplers, as `MarkovChain.walk` takes them.

    Returns
    -------
    Axes

    Raises
    ------
    KeyError, TypeError, ValueError
        As `MarkovChain.distribution`; ImportError without matplotlib or SciPy.
    """
    last, count = _checks.integer("steps", steps, 1), _checks.integer("states", states, 1)
    found = [chain.distribution(step, start, **words) for step in range(last + 1)]
    shares = np.array([one.array for one in found])
    names, axes = found[0].states, _axes(ax)
    order = np.argsort(-shares.max(axis=0), kind="stable")[:count]
    for turn, place in enumerate(order.tolist()):
        colour = (_LEFT, *_TURNS)[turn % (len(_TURNS) + 1)]
        axes.plot(range(last + 1), shares[:, place], ".-", color=colour, label=state_name(names[place]))
    axes.set_xlabel("tokens")
    axes.set_ylabel("probability of a state")
    axes.legend(frameon=False)
    return axes


def spectrum(chain: "MarkovChain", /, *, ax: Any = None, **words: Any) -> "Axes":
    """Draw the eigenvalues of the transition matrix in the complex plane, within the circle of modulus 1.

    The nearer they are to 0, the faster a walk forgets where it began; on the circle stand 1 and, of a periodic chain,
    other roots of 1. The dotted circle has the second largest modulus.

    Parameters
    ----------
    chain : MarkovChain
        Of at most 2000 states.
    ax : Axes, optional
        Where to draw; new ones by default.
    **words
        temperature, top_k, top_p, min_p or samplers, as `MarkovChain.walk` takes them.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        As `MarkovChain.to_sparse`, or for more states; ImportError without matplotlib or SciPy.
    """
    from matplotlib.patches import Circle

    matrix = chain.to_sparse(**words)
    if matrix.shape[0] > _MOST_STATES:
        raise ValueError(f"the chain has {matrix.shape[0]} states, expected at most {_MOST_STATES}")
    values, axes = np.linalg.eigvals(matrix.toarray()), _axes(ax)
    moduli = np.sort(np.abs(values))
    axes.add_patch(Circle((0.0, 0.0), 1.0, fill=False, color=_GONE))
    if moduli.size > 1:
        label = f"second modulus {moduli[-2]:.4g}"
        axes.add_patch(Circle((0.0, 0.0), float(moduli[-2]), fill=False, color=_GONE, linestyle=":", label=label))
    axes.plot(values.real, values.imag, "o", color=_LEFT, alpha=0.7, label="eigenvalues")
    axes.set_aspect("equal")
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.15, 1.15)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def likeliest(share: "ByState", count: int) -> list[Any]:
    """Return the states with the largest shares of time, at most so many, and none of 0."""
    states = share.states
    return [states[i] for i in np.argsort(-share.array, kind="stable")[:count].tolist() if share.array[i] > 0.0]


def nexts(chain: "MarkovChain", state: Any) -> dict[Any, float]:
    """Return what comes after a state, likeliest first, and how likely; nothing at a dead end."""
    try:
        return dict(zip(*chain.next_tokens(state), strict=True))
    except KeyError:
        return {}


def state_name(state: Any) -> str:
    """Return the name of a state by its label."""
    return " ".join(map(str, state)) if isinstance(state, tuple) and state else str(state)


def cut_by(logits: npt.NDArray[np.float64], chain: SamplerChain) -> npt.NDArray[np.int64]:
    """Return the place of the step that cuts each token; what none cuts has the number of steps.

    Parameters
    ----------
    logits : ndarray of float64, shape (V,)
        A row of logits.
    chain : SamplerChain
        A chain that does not ask what came before.

    Returns
    -------
    ndarray of int64, shape (V,)
    """
    left = np.full(logits.size, len(chain))
    for place in reversed(range(len(chain))):
        gone = np.asarray(probabilities(logits, samplers=chain[: place + 1])) == 0.0
        left[gone] = place
    return left


def _axes(ax: Any) -> "Axes":
    """Return the axes that are given, or new ones."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots(layout="constrained")[1]
    axes: Axes = ax
    return axes


def _name_tokens(axes: "Axes", found: TokenTable) -> None:
    """Write the names of tokens below the bars."""
    many = len(found) > 6
    axes.set_xticks(range(len(found)), found.tokens, rotation=60 if many else 0, ha="right" if many else "center")
