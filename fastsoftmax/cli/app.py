"""The commands and their options, and how bad input ends: one line on stderr and status 2."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from fastsoftmax.cli import markov_app
from fastsoftmax.cli.inputs import InputError
from fastsoftmax.cli.options import Figure, Json, MinP, Samplers, Temperature, TopK, TopP

BAD_INPUT = 2
# Typer carries click's UsageError, under no name of its own.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class _Group(TyperGroup):
    """A group of commands that shows every error in one line."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run a command and exit."""
        try:
            status = super().main(args, prog_name="fastsoftmax", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BrokenPipeError:  # whoever read our output has enough
            _drop_output()
            sys.exit(1)
        except (KeyboardInterrupt, typer.Abort):
            sys.exit(130)
        except _UsageError as error:
            _fail(_told(error))
        except OSError as error:
            _drop_output()
            _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
        except KeyError as error:
            _fail(str(error.args[0]))
        except (ValueError, TypeError, ImportError) as error:
            _fail(str(error))
        except MemoryError:
            _fail("not enough memory")
        sys.exit(status or 0)


def _told(error: Any) -> str:
    """Return the message of a wrong use. That of a wrong value is pydantic's own, who does not say what came."""
    faults = error.__cause__.errors() if hasattr(error.__cause__, "errors") else []
    if not faults or getattr(error, "param", None) is None:
        return str(error.format_message())
    kind, message = faults[0]["type"], faults[0]["msg"]
    expected = _EXPECTED.get(kind.split("_")[0], message)
    if " is not one of " in message:
        expected = "one of " + message.partition(" is not one of ")[2].rstrip(".")
    return f"{error.param.opts[0].lstrip('-')} is {faults[0]['input']!r}, expected {expected}"


_EXPECTED = {"int": "an integer", "float": "a number", "bool": "true or false"}


def _drop_output() -> None:
    """Let Python flush into nothing at exit what stdout did not take."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> NoReturn:
    print("fastsoftmax: error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(BAD_INPUT)


app = typer.Typer(
    cls=_Group,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
    help="From logits to tokens and from text to Markov walks, on a CPU.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print("fastsoftmax", version("fastsoftmax"))
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    elif context.invoked_subcommand not in ("warmup", "doctor"):  # which say themselves what they do
        from fastsoftmax.cli.output import show_notices

        show_notices()


def refuse_option(name: str, context: typer.Context) -> NoReturn:
    """Raise what typer does for an option that is none, where unknown ones are arguments."""
    known = [option for parameter in context.command.params for option in parameter.opts]
    near = sorted(get_close_matches(name, known))
    raise InputError(f"No such option: {name}" + (f" (Possible options: {', '.join(near)})" if near else ""))


@app.command(
    context_settings={"ignore_unknown_options": True}, epilog="Example: fastsoftmax table the=1 quick=2 -t 1 -t 5"
)  # so that -1.5 is a logit
def table(
    context: typer.Context,
    logits: Annotated[
        list[str] | None,
        typer.Argument(metavar="TOKEN=LOGIT", help="the=1.1 quick=.5, or plain numbers, which name themselves."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Read one row of logits from .npy, .json (an object or a list), .csv, .tsv or .txt (a token and a "
            "logit a line); - is standard input.",
        ),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            "--temperature",
            "-t",
            metavar="T",
            help="T >= 0: below 1 is sharper, above 1 flatter, 0 greedy, inf uniform. Repeat it to compare.",
            show_default="1",
        ),
    ] = None,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    samplers: Samplers = None,
    sort: Annotated[bool, typer.Option("--sort", help="Largest logit first.")] = False,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="N",
            help="Show the N largest only; 0 is all.",
            show_default="all; 100 on a terminal",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show logits as distributions: for each temperature logit / T, probability and a bar.

    The probabilities are those that sampling draws from, after --top-k, --top-p and --min-p, in this order, or after
    the samplers of a chain, which come after the temperature.
    """
    from fastsoftmax.cli import table
    from fastsoftmax.cli.inputs import parse_logits, read_logits

    for argument in logits or []:
        if argument.startswith("--"):
            refuse_option(argument.split("=")[0], context)
    if top is not None and top < 0:
        raise InputError(f"top is {top}, expected an integer >= 0")
    if bool(logits) == (file is not None):
        raise InputError("expected either logits as arguments, such as the=1.1 quick=.5, or --file")
    row = parse_logits(logits or []) if file is None else read_logits(file)
    filters: dict[str, Any] = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    if samplers is not None:
        if filters != {"top_k": 0, "top_p": 1.0, "min_p": 0.0}:
            raise InputError("--samplers and one of --top-k, --top-p and --min-p are both given, expected one")
        filters = {"samplers": samplers}
    table.show(row, list(dict.fromkeys(temperature or [1.0])), filters, sort, top, as_json)


@app.command(
    context_settings={"ignore_unknown_options": True},
    epilog='Example: fastsoftmax plot kept the=3 a=1 of=0 --samplers "top_p=0.8" -o kept.svg',
)
def plot(
    context: typer.Context,
    figure: Annotated[Figure, typer.Argument(help="What to draw.")],
    logits: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOKEN=LOGIT", help="As `table` takes them; of `transitions` a model or texts.", show_default=False
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Read one row of logits, as `table` does.")
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(
            "--temperature",
            "-t",
            metavar="T",
            help="T >= 0; several in `distribution`, none in `entropy`.",
            show_default="1",
        ),
    ] = None,
    samplers: Samplers = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .pdf; without it, text.")
    ] = None,
) -> None:
    """Draw a distribution, the curves e^x and e^(x/T), the entropy against T, what a chain keeps, or a model's states.

    As a file it takes matplotlib, which the extra `plot` brings.
    """
    from fastsoftmax.cli import plot as figures
    from fastsoftmax.cli.inputs import parse_logits, read_logits

    for argument in logits or []:
        if argument.startswith("--"):
            refuse_option(argument.split("=")[0], context)
    if figure is Figure.TRANSITIONS:
        if file is not None or temperature or samplers is not None:
            raise InputError("transitions are of a model, expected no --file, --temperature or --samplers")
        figures.graph(logits or [], out)
        return
    if bool(logits) == (file is not None):
        raise InputError("expected either logits as arguments, such as the=1.1 quick=.5, or --file")
    row = parse_logits(logits or []) if file is None else read_logits(file)
    figures.show(figure, row, list(dict.fromkeys(temperature or [])), samplers, out)


@app.command(epilog="Example: fastsoftmax sample logits.npy --temperature 0.7 --top-p 0.9 --seed 1")
def sample(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Logits: .npy of shape (..., V), or one row as `table` reads it; - is standard input.",
        ),
    ],
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    samplers: Samplers = None,
    draws: Annotated[
        int | None, typer.Option("--draws", "-n", metavar="N", help="Draws a row.", show_default="1")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            help="Key in [0, 2**64), as seed= in Python: every row gets the same uniform number.",
            show_default="fresh randomness",
        ),
    ] = None,
    rng: Annotated[
        int | None,
        typer.Option(
            "--rng",
            metavar="N",
            help="Seed >= 0 of a generator, as rng= in Python: rows are independent.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[int, typer.Option("--step", metavar="N", help="Position in the sequence, in [0, 2**64).")] = 0,
    as_json: Json = False,
) -> None:
    """Draw tokens from logits: one row a line, as indices into the vocabulary, or the names that the file has."""
    from fastsoftmax.cli.sample import draw

    params = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "samplers": samplers}
    draw(file, {**params, "seed": seed, "rng": rng, "step": step}, draws, as_json)


for _command, _example in markov_app.COMMANDS.items():
    app.command(epilog=f"Example: fastsoftmax {_example}")(_command)


@app.command(epilog="Example: fastsoftmax explore --export site")
def explore(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of this machine; 0 is any free one.")] = 0,
    browse: Annotated[bool, typer.Option("--browse/--no-browse", help="Open the browser.")] = True,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="DIR", help="Write the page there instead: files that any web server can serve."
        ),
    ] = None,
) -> None:
    """Show a page with sliders: what temperature and filters do to a softmax, a language model and a Markov chain."""
    from fastsoftmax.cli.explore import show

    show(port, browse, export)


@app.command(epilog="Example: fastsoftmax warmup --jobs 2")
def warmup(
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=2, help="Processes that compile at once.")] = 1,
) -> None:
    """Compile the usual kernels ahead of their first use, and keep them on disk."""
    from fastsoftmax.cli.warmup import run

    run(jobs)


@app.command(epilog="Example: fastsoftmax doctor --json")
def doctor(as_json: Json = False) -> None:
    """Show versions, the CPU and the kernel cache, and check results; exit with 1 if anything is wrong."""
    from fastsoftmax.cli.doctor import run

    if not run(as_json):
        raise typer.Exit(1)
