"""DuckDB: transitions counted by a group-by over shifted columns, which is what a chain of integers is in SQL."""

from collections.abc import Iterator

import duckdb

from bench.chains import Corpus
from bench.peers.columns import takes, windows
from bench.race import Contestant

NAME = "DuckDB"
DISTRIBUTIONS = ("duckdb",)

_connection = duckdb.connect()


def set_num_threads(threads: int) -> None:
    """Use as many threads as the others."""
    _connection.execute(f"SET threads = {threads}")


def fit(corpus: Corpus) -> Iterator[Contestant]:
    """Count the windows of order + 1 integers; the table lies over the same memory."""
    if not takes(corpus):
        return
    columns = windows(corpus)
    _connection.register("windows", columns)
    query = f"SELECT {', '.join(columns)}, count(*) FROM windows GROUP BY ALL"
    yield Contestant(NAME, "peer", lambda: _connection.execute(query).fetchnumpy())
