"""The commands about Markov models, and their options."""

from collections.abc import Callable
from typing import Annotated

import typer

from fastsoftmax.cli.options import (
    Encoding,
    Json,
    MinP,
    OwnSequences,
    OwnTokens,
    Samplers,
    Seed,
    Sequences,
    Smoothed,
    Smoothing,
    Temperature,
    Tokens,
    TopK,
    TopP,
    Unseen,
)

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL|TEXT",
        help="A saved model (.safetensors), or texts to fit on the spot; - is standard input.",
        show_default="Python's language reference",
    ),
]
OwnOrder = Annotated[
    int | None,
    typer.Option(
        "--order",
        metavar="N",
        help="How many tokens make a state, >= 0; a saved model has its own.",
        show_default="2",
    ),
]


def fit(
    texts: Annotated[list[str], typer.Argument(metavar="TEXT", help="Text files; - is standard input.")],
    model: Annotated[str, typer.Option("--output", "-o", metavar="MODEL", help="Where to save it (.safetensors).")],
    order: Annotated[int, typer.Option("--order", metavar="N", help="How many tokens make a state, >= 0.")] = 2,
    tokens: Annotated[Tokens, typer.Option("--tokens", help="What the chain is over.")] = Tokens.WORDS,
    sequences: Annotated[
        Sequences, typer.Option("--sequences", help="What begins and ends: sentences, or each line by itself.")
    ] = Sequences.SENTENCES,
    encoding: Encoding = None,
    keep_text: Annotated[
        bool,
        typer.Option("--keep-text", help="Save the text too, 4 bytes a token, for `generate --novelty`."),
    ] = False,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Count on the workers of this Dask scheduler, or of 'local', a process a core; they read the files.",
            show_default="here",
        ),
    ] = None,
) -> None:
    """Fit a Markov chain to texts of any size, and save it."""
    from fastsoftmax.cli import markov
    from fastsoftmax.cli.models import Kind

    markov.fit(texts, model, Kind(order, tokens, sequences, encoding), keep_text, dask)


def generate(
    sources: Sources = None,
    number: Annotated[int, typer.Option("--number", "-n", metavar="N", help="How many sentences, >= 0.")] = 5,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="WORDS", help="Words that sentences start with.", show_default="any start"),
    ] = None,
    containing: Annotated[
        list[str] | None,
        typer.Option(
            "--containing",
            metavar="WORDS",
            help="Words in a row that sentences have; give it several times for several.",
            show_default="any words",
        ),
    ] = None,
    ending: Annotated[
        str | None,
        typer.Option("--ending", metavar="WORDS", help="Words that sentences end with.", show_default="any end"),
    ] = None,
    min_words: Annotated[int, typer.Option("--min-words", metavar="N", help="The fewest words, >= 0.")] = 1,
    max_words: Annotated[
        int | None,
        typer.Option("--max-words", metavar="N", help="The most words, >= 1.", show_default="no bound"),
    ] = None,
    min_chars: Annotated[int, typer.Option("--min-chars", metavar="N", help="The fewest characters, >= 0.")] = 0,
    max_chars: Annotated[
        int | None,
        typer.Option("--max-chars", metavar="N", help="The most characters, >= 0.", show_default="no bound"),
    ] = None,
    novelty: Annotated[
        float,
        typer.Option(
            "--novelty",
            metavar="X",
            help="Copy at most 1 - X of a sentence from the text in one piece, in [0, 1]; a model needs --keep-text.",
        ),
    ] = 0.0,
    max_copied: Annotated[
        int | None,
        typer.Option(
            "--max-copied",
            metavar="N",
            help="The most words that are copied in one piece, >= 0; a model needs --keep-text.",
            show_default="no bound",
        ),
    ] = None,
    balanced: Annotated[bool, typer.Option("--balanced", help="Quotes and brackets open and close in order.")] = False,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    samplers: Samplers = None,
    seed: Seed = None,
    smoothing: Smoothed = Smoothing.NONE,
    order: OwnOrder = None,
    tokens: OwnTokens = None,
    sequences: OwnSequences = None,
    encoding: Encoding = None,
    as_json: Json = False,
) -> None:
    """Generate whole sentences from a Markov chain, one a line; exit with 1 if none fits."""
    from fastsoftmax.cli import markov
    from fastsoftmax.cli.models import Kind

    bounds: dict[str, object] = {
        "min_words": min_words,
        "max_words": max_words,
        "min_chars": min_chars,
        "max_chars": max_chars,
    }
    bounds |= {"novelty": novelty, "max_copied": max_copied, "balanced": balanced}
    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    params = {**words, "samplers": samplers, "seed": seed, "smoothing": smoothing}
    phrases: dict[str, object] = {"start": start, "containing": containing, "ending": ending}
    wanted = {"n": number, **phrases, **bounds, **params}
    if not markov.generate(sources or [], Kind(order, tokens, sequences, encoding), wanted, as_json):
        raise typer.Exit(1)


def walk(
    sources: Sources = None,
    length: Annotated[int, typer.Option("--length", "-n", metavar="N", help="How many tokens, >= 0.")] = 100,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="WORDS", help="What the walk starts with.", show_default="any start"),
    ] = None,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    samplers: Samplers = None,
    seed: Seed = None,
    smoothing: Smoothed = Smoothing.NONE,
    order: OwnOrder = None,
    tokens: OwnTokens = None,
    sequences: OwnSequences = None,
    encoding: Encoding = None,
    as_json: Json = False,
) -> None:
    """Walk on and on: where a sentence ends, another begins."""
    from fastsoftmax.cli.models import Kind
    from fastsoftmax.cli.walk import walk as run

    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    params = {**words, "samplers": samplers, "seed": seed, "smoothing": smoothing}
    run(sources or [], Kind(order, tokens, sequences, encoding), length, start, params, as_json)


def score(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model saved by `fit`.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT", help="Text files; - is standard input.")],
    smoothing: Smoothed = Smoothing.NONE,
    end: Annotated[bool, typer.Option("--end/--no-end", help="Predict the ends of sentences too, or not.")] = True,
    unseen: Annotated[
        Unseen,
        typer.Option("--unseen", help="A word that was never seen makes a text impossible, or is left out."),
    ] = Unseen.IMPOSSIBLE,
    encoding: Encoding = None,
    as_json: Json = False,
) -> None:
    """Show how well a model predicts texts: log-likelihood in nats, bits a word, perplexity.

    The end of a sentence is predicted too, unless --no-end, and is a word to the last two. A text with a word that was
    never seen is impossible (-inf), unless --unseen skip, and without --smoothing one with any transition that was not.
    """
    from fastsoftmax.cli.score import score as run

    run(model, texts, encoding or "utf-8", {"smoothing": smoothing, "end": end, "unseen": unseen}, as_json)


def info(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A saved model (.safetensors).")],
    as_json: Json = False,
) -> None:
    """Show what a saved model holds."""
    from fastsoftmax.cli.info import info as run

    run(model, as_json)


Target = Annotated[str, typer.Option("--output", "-o", metavar="MODEL", help="Where to save it (.safetensors).")]


def add(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model saved by `fit`.")],
    texts: Annotated[list[str], typer.Argument(metavar="TEXT", help="Text files; - is standard input.")],
    target: Target,
    weight: Annotated[int, typer.Option("--weight", metavar="N", help="Count them N times, N >= 1.")] = 1,
    encoding: Encoding = None,
) -> None:
    """Learn from more texts, and save the model that comes of it."""
    from fastsoftmax.cli.changing import add as run

    run(model, texts, target, weight, encoding)


def merge(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Two saved models or more, of one kind.")],
    target: Target,
    weights: Annotated[
        list[float] | None,
        typer.Option("--weight", "-w", metavar="W", help="One for each model, as -w 2 -w 0.5.", show_default="1"),
    ] = None,
) -> None:
    """Add up the counts of saved models, each by its weight."""
    from fastsoftmax.cli.changing import merge as run

    run(models, target, weights or [])


def prune(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A saved model (.safetensors).")],
    target: Target,
    min_count: Annotated[float, typer.Option("--min-count", metavar="N", help="The least count that stays, >= 0.")] = 2,
) -> None:
    """Drop the transitions that were seen too seldom."""
    from fastsoftmax.cli.changing import prune as run

    run(model, target, min_count)


COMMANDS: dict[Callable[..., None], str] = {
    fit: "fit book.txt -o book.safetensors --order 2",
    generate: "generate book.safetensors --temperature 0.5 -n 3 --min-words 5 --max-words 12",
    walk: "walk book.safetensors --length 1000",
    score: "score book.safetensors book.txt --smoothing kneser-ney",
    info: "info book.safetensors",
    add: "add book.safetensors more.txt -o both.safetensors --weight 3",
    merge: "merge book.safetensors other.safetensors -o both.safetensors -w 1 -w 0.5",
    prune: "prune book.safetensors -o small.safetensors --min-count 2",
}
"""The commands, with an example of each."""
