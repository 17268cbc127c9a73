"""The commands `fit`, which makes a model of texts, and `generate`, which speaks from one in sentences."""

import os
import sys
from collections import Counter
from typing import Any

from fastsoftmax import Reason
from fastsoftmax.cli import output
from fastsoftmax.cli.models import Kind, checked_output, fitted, text_model

MANY = 100_000  # sentences: a second or so


def fit(texts: list[str], model: str, kind: Kind, keep_text: bool, dask: str | None) -> None:
    """Fit a model to text files, save it, and print what it holds."""
    checked_output(model)
    text = fitted(texts, kind, keep_text, dask)
    text.save(model)
    table, vocabulary = text.chain.transitions, text.chain.vocabulary or []
    ends = int(table.counts[table.tokens < 0].sum())
    tokens = int(table.counts.sum()) - ends
    output.write(
        f"{model}: order {text.order}, {ends:,} {kind.sequences}, {tokens:,} {kind.tokens} "
        f"({len(vocabulary):,} different), {len(table.contexts):,} states, {table.tokens.size:,} transitions, "
        f"{os.path.getsize(model):,} bytes"
    )


def generate(sources: list[str], kind: Kind, wanted: dict[str, Any], as_json: bool) -> bool:
    """Print sentences, and on stderr why there are fewer; return whether there is any, or none was asked for."""
    text = text_model(sources, kind, keep_text=wanted["novelty"] != 0.0 or wanted["max_copied"] is not None)
    shows_progress = wanted["n"] >= MANY and output.progress_shows()
    found = text.generate(**wanted, progress=shows_progress)
    spoken = [sentence for sentence in found if not isinstance(sentence, Reason)]
    if as_json:
        reasons = [sentence if isinstance(sentence, Reason) else None for sentence in found]
        whole = [None if isinstance(sentence, Reason) else sentence for sentence in found]
        output.write_json({"sentences": whole, "reasons": reasons})
    elif spoken:
        output.write("\n".join(spoken))
    _tell_reasons(found)
    return bool(spoken) or not found


def _tell_reasons(found: list[str | Reason]) -> None:
    """Write to stderr how many sentences there are not, and why: a line a reason."""
    times = Counter(why for why in found if isinstance(why, Reason))
    if sys.stdout is not None:
        sys.stdout.flush()
    for why, count in times.items():
        print(f"fastsoftmax: no sentence in {count:,} of {len(found):,} cases: {why}", file=sys.stderr)
