"""The command `score`: how well a model predicts texts."""

import math
from typing import Any

import numpy as np

from fastsoftmax import MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.models import learn, source_of


def score(model: str, texts: list[str], encoding: str, asked: dict[str, Any], as_json: bool) -> None:
    """Print how likely each text is under a saved model, asked as `MarkovText.scores` is."""
    text = MarkovText.load(model, encoding=encoding)
    with output.progress() as bar:
        scores = [_score(text, name, encoding, asked) for name in bar.track(texts, description="scoring")]
    if as_json:
        output.write_json({"smoothing": asked["smoothing"], "texts": scores})
        return
    token = str(text.tokens).removesuffix("s")
    columns = {
        "text": [found["text"] for found in scores],
        f"{token}s": [f"{found['tokens']:,}" for found in scores],
        "never seen": [f"{found['unknown']:,}" for found in scores],
        "left out": [f"{found['skipped']:,}" for found in scores],
        "log-likelihood": [f"{found['log_likelihood']:,.2f}" for found in scores],
        f"bits a {token}": [f"{found['bits']:.4f}" for found in scores],
        "perplexity": [f"{found['perplexity']:,.6g}" for found in scores],
    }
    if asked["unseen"] != "skip":
        del columns["left out"]
    output.write_table(columns)


def _score(text: MarkovText, name: str, encoding: str, asked: dict[str, Any]) -> dict[str, Any]:
    # A list, since it is read twice.
    source = list(source_of([name], text.sequences, encoding))
    kind = MarkovText(1, tokens=text.tokens, sequences=text.sequences, encoding=encoding)
    own = learn(kind, [name], source).chain
    table, known = own.transitions, set(text.chain.vocabulary or [])
    new = [number for number, token in enumerate(own.vocabulary or []) if token not in known]
    found = text.scores(source, **asked)
    predicted, likelihood = len(found.tokens) - found.skipped, found.log_likelihood
    perplexity = found.perplexity  # refuses where nothing is left to predict
    bits = -likelihood / predicted / math.log(2)
    return {
        "text": name,
        "tokens": int(table.counts[table.tokens >= 0].sum()),
        "unknown": int(table.counts[np.isin(table.tokens, new)].sum()),
        "skipped": found.skipped,
        "log_likelihood": likelihood,
        "bits": bits,
        "perplexity": perplexity,
    }
