"""The page with sliders: served here, or written as files that any web server can serve.

Everything is in `page/`, which needs no server of its own, nor any other host: it computes in the browser, by a module
that the tests hold to `reference`. So the standard library's server will do.
"""

import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "page"


class _Handler(SimpleHTTPRequestHandler):
    """Serves files without a line on stderr for each."""

    # A system may call .js plain text, which no browser runs as a module.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".json": "application/json"}

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def server(port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the page on this machine alone; `port` 0 is any free one.

    Raises
    ------
    OSError
        If the port is taken.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(PAGE)))


def export(folder: Path) -> int:
    """Write the page to a new or empty folder; return how many files it has.

    Raises
    ------
    ValueError
        If the folder has files already: nothing is written then.
    OSError
        If it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"export is {str(folder)!r}, expected a folder that is new or empty")
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    return sum(path.is_file() for path in folder.rglob("*"))
