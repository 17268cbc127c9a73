"""The command `plot`: figures as files, and as text where none is asked for."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

import fastsoftmax
from fastsoftmax import plot
from fastsoftmax._grid import Columns
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import InputError, Logits
from fastsoftmax.cli.models import Kind, any_model
from fastsoftmax.cli.options import Figure

SUFFIXES = (".png", ".svg", ".pdf")
MOST_STATES = 20


def show(figure: Figure, row: Logits, temperatures: list[float], samplers: str | None, file: Path | None) -> None:
    """Write a figure to a file, or print what is in it; without temperatures T = 1."""
    most = {Figure.DISTRIBUTION: len(temperatures), Figure.ENTROPY: 0}.get(figure, 1)
    if len(temperatures) > most:
        expected = "none" if most == 0 else "one"
        raise InputError(f"temperature has {len(temperatures)} values, expected {expected} in {figure}")
    temperatures = temperatures or [1.0]
    if figure is Figure.KEPT and samplers is None:
        raise InputError("kept asks for --samplers, the chain that cuts")
    if figure is Figure.CURVES and samplers is not None:
        raise InputError("curves are of a temperature alone, expected no --samplers")
    logits = row.values.astype(np.float64)
    if file is None:
        output.write_table(_columns(figure, row.tokens, logits, temperatures, samplers))
    else:
        _draw(figure, row.tokens, logits, temperatures, samplers, file)


def graph(sources: list[str], file: Path | None) -> None:
    """Write the graph of a model's likeliest states to a file, or print them."""
    if file is not None:
        _check(file)
    model = any_model(sources, Kind())
    chain = model if isinstance(model, fastsoftmax.MarkovChain) else model.chain
    if file is None:
        output.write_table(_states(chain))
    else:
        _save(plot.transitions(chain), file)


def _draw(
    figure: Figure, names: list[str], logits: Any, temperatures: list[float], samplers: str | None, file: Path
) -> None:
    _check(file)
    named: dict[str, Any] = {"tokens": names}
    if figure is Figure.DISTRIBUTION:
        axes = plot.distribution(logits, temperature=temperatures, samplers=samplers, **named)
    elif figure is Figure.CURVES:
        axes = plot.curves(logits, temperature=temperatures[0], **named)
    elif figure is Figure.ENTROPY:
        axes = plot.entropy(logits, samplers=samplers)
    else:
        axes = plot.kept(logits, _chain(temperatures[0], samplers), **named)
    _save(axes, file)


def _check(file: Path) -> None:
    """Refuse a name that says no kind of picture, and a Python without matplotlib; no window is to open."""
    if file.suffix.lower() not in SUFFIXES:
        raise InputError(f"output is {file.name!r}, expected a name that ends with {', '.join(SUFFIXES)}")
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise InputError('a figure needs matplotlib: pip install "fastsoftmax[plot]"') from None
    matplotlib.use("Agg")


def _save(axes: Any, file: Path) -> None:
    """Write the picture at once, so that nobody sees half of it."""
    picture = io.BytesIO()
    axes.get_figure().savefig(picture, format=file.suffix[1:].lower(), dpi=150)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_bytes(picture.getvalue())
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    output.write(f"wrote {file}")


def _columns(figure: Figure, names: list[str], logits: Any, temperatures: list[float], samplers: str | None) -> Columns:
    """Return what a figure shows, as columns of text and bars."""
    tokens = list(map(output.printable, names))
    if figure is Figure.DISTRIBUTION:
        return fastsoftmax.table(logits, tokens=tokens, temperature=temperatures, samplers=samplers).columns()
    if figure is Figure.CURVES:
        return _curves(logits, temperatures[0])
    if figure is Figure.ENTROPY:
        return _entropy(logits, samplers)
    return _kept(tokens, logits, fastsoftmax.SamplerChain(_chain(temperatures[0], samplers)))


def _curves(logits: Any, temperature: float) -> Columns:
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}, expected a number > 0")
    x = np.unique(np.concatenate([logits[np.isfinite(logits)], np.linspace(logits.min(), logits.max(), 9)]))
    plain, heated = np.exp(x), np.exp(x / temperature)
    return {
        "x": [f"{value:.4g}" for value in x],
        "e^x": [f"{value:.5g}" for value in plain],
        "e^x, bar": (plain / plain.max()).tolist(),
        "e^(x/T)": [f"{value:.5g}" for value in heated],
        "e^(x/T), bar": np.minimum(heated / plain.max(), 1.0).tolist(),
    }


def _entropy(logits: Any, samplers: str | None) -> Columns:
    heats = [0.1, 0.2, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0]
    shares = fastsoftmax.table(logits, temperature=heats, samplers=samplers).probabilities
    bits = -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares))).sum(axis=1)
    most = max(float(np.log2(logits.size)), 1e-300)
    return {
        "T": [f"{heat:g}" for heat in heats],
        "entropy, bits": [f"{value:.4f}" for value in bits],
        f"of {most:.4g}": (bits / most).tolist(),
    }


def _kept(tokens: list[str], logits: Any, chain: Any) -> Columns:
    order, cut = np.argsort(-logits, kind="stable"), plot.cut_by(logits, chain)
    steps = [*map(str, chain), ""]
    before, after = fastsoftmax.softmax(logits), fastsoftmax.probabilities(logits, samplers=chain)
    return {
        "token": [tokens[i] for i in order],
        "softmax alone": [f"{before[i]:.6f}" for i in order],
        "after": [f"{after[i]:.6f}" for i in order],
        "after, bar": [float(after[i]) for i in order],
        "cut by": [steps[cut[i]] for i in order],
    }


def _states(chain: fastsoftmax.MarkovChain) -> Columns:
    """Return the likeliest states of a chain in the long run, and what follows each most often."""
    share = chain.stationary()
    states = plot.likeliest(share, MOST_STATES)
    afters = [next(iter(plot.nexts(chain, state)), None) for state in states]
    return {
        "state": [output.printable(plot.state_name(state)) for state in states],
        "share of time": [f"{share[state]:.6f}" for state in states],
        "share, bar": [share[state] / share[states[0]] for state in states],
        "likeliest next": ["(end)" if after is None else output.printable(str(after)) for after in afters],
    }


def _chain(temperature: float, samplers: str | None) -> str:
    """Return a chain with a temperature before it, unless that changes nothing."""
    return f"{samplers}" if temperature == 1.0 else f"temperature={temperature!r} {samplers}"
