"""The command `info`: what a saved model holds."""

import os
from typing import Any

import numpy as np

from fastsoftmax import MarkovChain, MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.models import saved

SHOWN = 10  # states
START = "(start)"


def info(name: str, as_json: bool) -> None:
    """Print the size of a model, how uncertain its next token is, and its widest states."""
    model = saved(name)
    chain = model.chain if isinstance(model, MarkovText) else model
    table = chain.transitions
    rate, why = _entropy_rate(chain)
    tokens = table.tokens[table.tokens >= 0]
    facts: dict[str, Any] = {
        **_kind(model),
        "order": chain.order,
        "states": len(table.contexts),
        "transitions": table.tokens.size,
        "vocabulary": np.unique(tokens).size if chain.vocabulary is None else len(chain.vocabulary),
        "observations": table.counts.sum().item(),
        "bytes": os.path.getsize(name),
        "entropy_rate": rate,
    }
    states = _widest(chain)
    if as_json:
        output.write_json({**facts, "widest_states": states})
        return
    lines = {**facts, "entropy rate": why if rate is None else f"{rate:.4f} bits a token"}
    del lines["entropy_rate"]
    if "kept_tokens" in lines:
        kept = lines.pop("kept_tokens")
        lines["kept text"] = "none" if kept is None else f"{kept:,} tokens"
    width = max(map(len, lines)) + 2
    output.write("\n".join(f"{what:<{width}}{_readable(value)}" for what, value in lines.items()) + "\n")
    columns = {
        "state": [_name(state["state"], facts["tokens"] == "characters") for state in states],
        "transitions": [_readable(state["transitions"]) for state in states],
        "observations": [_readable(state["observations"]) for state in states],
    }
    if states:
        output.write_table(columns)


def _kind(model: MarkovChain | MarkovText) -> dict[str, Any]:
    """Return what a model is of."""
    if isinstance(model, MarkovChain):
        return {"kind": "chain", "tokens": "integers" if model.vocabulary is None else "strings"}
    tokens = model.tokens if isinstance(model.tokens, str) else "of a function"
    return {"kind": "text", "tokens": tokens, "sequences": model.sequences, "kept_tokens": model.kept_tokens}


def _entropy_rate(chain: MarkovChain) -> tuple[float | None, str]:
    """Return the bits of a token, or None and why there is no such number."""
    try:
        return chain.entropy_rate(), ""
    except ImportError:
        return None, "needs SciPy: pip install 'fastsoftmax[analysis]'"
    except (ValueError, RuntimeError) as error:
        return None, f"none: {error}"


def _widest(chain: MarkovChain) -> list[dict[str, Any]]:
    """Return the states with most transitions."""
    table, names = chain.transitions, chain.vocabulary
    widths = np.diff(table.offsets)
    rows = np.argsort(-widths, kind="stable")[:SHOWN]
    contexts = table.contexts[rows].tolist()
    states = [[None if i < 0 else i if names is None else names[i] for i in context] for context in contexts]
    return [
        {"state": state, "transitions": transitions, "observations": observations}
        for state, transitions, observations in zip(
            states, widths[rows].tolist(), table.totals[rows].tolist(), strict=True
        )
    ]


def _name(state: list[str | int | None], of_characters: bool) -> str:
    """Return the tokens of a state on one line; characters in quotes, since they may be spaces."""
    if not state:  # the one state of order 0
        return "()"
    if not of_characters:
        return " ".join(START if token is None else str(token) for token in state)
    begin = START if None in state else ""
    return f"{begin}{''.join(str(token) for token in state if token is not None)!r}"


def _readable(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}" if isinstance(value, float) else str(value)
