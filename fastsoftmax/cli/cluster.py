"""Where `fit --dask` counts: on the workers of a cluster, or on processes of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastsoftmax import MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import STDIN, InputError

LOCAL = "local"
_PATIENCE = 10  # seconds for a scheduler to answer


def fitted_by_dask(text: MarkovText, names: list[str], address: str) -> MarkovText:
    """Fit an empty model to files that workers read, by their names, with * and protocols."""
    if not names or STDIN in names:
        raise InputError("dask is given, expected files that workers can read by their names")
    try:
        from distributed import KilledWorker

        from fastsoftmax.dask import fit
    except ImportError:
        raise InputError("--dask needs Dask: pip install 'fastsoftmax[dask]'") from None
    with _connected(address):
        try:
            return fit(text, names, progress=output.progress_shows())
        except KilledWorker as error:
            raise InputError(f"workers died, perhaps of too little memory, and no part was saved: {error}") from None


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Let Dask compute on a cluster meanwhile."""
    from distributed import Client, LocalCluster

    if address == LOCAL:
        with LocalCluster(threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster):
            yield
        return
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise InputError(f"dask is {address}, expected 'local' or the address of a scheduler: {error}") from None
    with client:
        yield
