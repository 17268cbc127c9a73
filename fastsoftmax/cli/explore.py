"""The command `explore`: the page with sliders, in the browser or as files."""

import webbrowser
from pathlib import Path

from fastsoftmax import explore
from fastsoftmax.cli import output


def show(port: int, browse: bool, export: Path | None) -> None:
    """Serve the page until Ctrl-C, or write it to a folder."""
    if export is not None:
        output.write(f"wrote {explore.export(export)} files to {export}: serve them by any web server")
        return
    with explore.server(port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        output.write(f"{address} (Ctrl-C ends it)")
        if browse:
            webbrowser.open(address)
        server.serve_forever()
