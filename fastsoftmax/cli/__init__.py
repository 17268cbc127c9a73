"""The command line `fastsoftmax`, over the library's public names."""

import sys

_MISSING = "fastsoftmax: error: the command line needs typer and rich: pip install 'fastsoftmax[cli]'"


def main() -> None:
    """Run the command line and exit.

    0 if all went well, 1 if `doctor` found a fault or `generate` no sentence, 2 at bad input, 130 at Ctrl-C.
    """
    try:
        import rich  # noqa: F401

        from fastsoftmax.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(_MISSING, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    app(prog_name="fastsoftmax")
