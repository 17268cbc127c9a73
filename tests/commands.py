"""Commands of the command line, run for tests: in this process, in another, on a terminal."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from fastsoftmax.cli.app import app

COMMANDS = ["table", "plot", "sample", "fit", "generate", "walk", "score", "info", "add", "merge", "prune"]
COMMANDS += ["explore", "warmup", "doctor"]


def invoke(*arguments: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def run(*arguments: str, stdin: str | bytes | None = None) -> str:
    """Return what a command prints that must go well."""
    result = invoke(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(*arguments: str, stdin: str | bytes | None = None) -> str:
    """Return the one line that a command ends with that must not go well."""
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("fastsoftmax: error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def process(*arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from fastsoftmax.cli import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def on_terminal(*arguments: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", "from fastsoftmax.cli import main; main()", *arguments]
    child = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    output = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        output += part
    os.close(leader)
    assert child.wait() == 0
    return output.decode()
