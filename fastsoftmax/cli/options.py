"""Options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer


class Tokens(StrEnum):
    """What a chain is over."""

    WORDS = "words"
    CHARACTERS = "characters"


class Figure(StrEnum):
    """What to draw."""

    DISTRIBUTION = "distribution"
    CURVES = "curves"
    ENTROPY = "entropy"
    KEPT = "kept"
    TRANSITIONS = "transitions"


class Sequences(StrEnum):
    """What begins and ends."""

    SENTENCES = "sentences"
    LINES = "lines"


class Smoothing(StrEnum):
    """What probability is given to what was never seen."""

    NONE = "none"
    ADD_K = "add-k"
    STUPID_BACKOFF = "stupid-backoff"
    KNESER_NEY = "kneser-ney"


class Unseen(StrEnum):
    """What to do about words that were never seen."""

    IMPOSSIBLE = "impossible"
    SKIP = "skip"


Temperature = Annotated[
    float,
    typer.Option(
        "--temperature", "-t", metavar="T", help="T >= 0: below 1 is sharper, above 1 flatter, 0 greedy, inf uniform."
    ),
]
TopK = Annotated[int, typer.Option("--top-k", metavar="K", help="Keep the K likeliest, K >= 0; 0 is off.")]
TopP = Annotated[
    float,
    typer.Option("--top-p", metavar="P", help="Keep the likeliest until their mass reaches P, in [0, 1]; 1 is off."),
]
MinP = Annotated[
    float,
    typer.Option(
        "--min-p", metavar="P", help="Keep what has at least P times the largest probability, in [0, 1]; 0 is off."
    ),
]
Samplers = Annotated[
    str | None,
    typer.Option(
        "--samplers",
        metavar="CHAIN",
        help="Any samplers in any order instead of the four, as 'top_k=40 min_p=0.05 temperature=0.8'.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Key in [0, 2**64).", show_default="fresh randomness")
]
Smoothed = Annotated[
    Smoothing,
    typer.Option("--smoothing", help="How what was never seen gets a probability; a new word never does."),
]
OwnTokens = Annotated[
    Tokens | None,
    typer.Option("--tokens", help="What the chain is over; a saved model has its own.", show_default="words"),
]
OwnSequences = Annotated[
    Sequences | None,
    typer.Option("--sequences", help="What begins and ends; a saved model has its own.", show_default="sentences"),
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="That of the texts, as latin-1 or utf-16.", show_default="utf-8"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
