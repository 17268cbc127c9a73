"""A table of tokens: logit, adjusted logit and probability, at some temperatures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._grid import Columns, aligned, html
from fastsoftmax._values import Valued
from fastsoftmax.sampling import Details, probabilities

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class TokenTable(Valued):
    """Tokens with their logits and, for each temperature, logit / T and the probability.

    It prints as text and shows as HTML in a notebook. Iteration gives a dict for each row, so that
    ``pandas.DataFrame(table)`` has them; an array of places, or a slice, gives a table of those rows.

    Attributes
    ----------
    tokens : tuple of str
        The names of the rows.
    logits : ndarray of float64, shape (V,)
        The logits.
    temperatures : tuple of float
        The temperatures.
    adjusted : ndarray of float64, shape (temperatures, V)
        logit / T; NaN at T = 0, where there is no such number.
    probabilities : ndarray of float64, shape (temperatures, V)
        What `probabilities` gives at each temperature.
    """

    tokens: tuple[str, ...]
    logits: Floats
    temperatures: tuple[float, ...]
    adjusted: Floats
    probabilities: Floats

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = [_name(temperature) for temperature in self.temperatures]
        for place, token in enumerate(self.tokens):
            row: dict[str, Any] = {"token": token, "logit": float(self.logits[place])}
            for name, adjusted, shares in zip(names, self.adjusted, self.probabilities, strict=True):
                row[f"adjusted logit, T={name}"] = float(adjusted[place])
                row[f"probability, T={name}"] = float(shares[place])
            yield row

    def __getitem__(self, rows: Any) -> "TokenTable":
        places = np.atleast_1d(np.arange(len(self))[rows])
        tokens = tuple(self.tokens[place] for place in places)
        return TokenTable(
            tokens, self.logits[places], self.temperatures, self.adjusted[:, places], self.probabilities[:, places]
        )

    def columns(self) -> Columns:
        """Return the cells by header, as they are printed; those of a bar are fractions."""
        found: dict[str, list[str] | list[float]] = {
            "token": list(self.tokens),
            "logit": list(map(_number, self.logits.tolist())),
        }
        for temperature, adjusted, shares in zip(self.temperatures, self.adjusted, self.probabilities, strict=True):
            name = _name(temperature)
            found[f"adjusted logit, T={name}"] = list(map(_number, adjusted.tolist()))
            found[f"probability, T={name}"] = list(map(_probability, shares.tolist()))
            found[f"T={name}"] = shares.tolist()
        return found

    def __str__(self) -> str:
        return aligned(self.columns())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html(self.columns())


def table(
    logits: Any,
    /,
    *,
    tokens: Sequence[Any] | None = None,
    temperature: Any = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    samplers: Any = None,
) -> TokenTable:
    """Return a table of tokens with their logits and probabilities, at a temperature or at several.

    Parameters
    ----------
    logits : mapping, array_like of shape (V,), Details, or pair
        {token: logit}; or logits alone; or `Details` that have a kept set or the likeliest tokens, or what
        `MarkovChain.next_tokens` returns, a list of tokens and their probabilities, whose logarithms are logits.
    tokens : sequence of V names, optional
        The tokens of logits that are an array; their places by default.
    temperature : float or sequence of float, default 1.0
        One or several, in [0, inf].
    top_k, top_p, min_p, samplers
        As in `sample`; with a chain, each temperature comes before it.

    Returns
    -------
    TokenTable

    Raises
    ------
    TypeError, ValueError
        For what is no row of logits, names that are not as many, or a parameter outside its range.

    Examples
    --------
    >>> print(table({"nights": 3, "days": 2, "hours": 1, "weeks": 4}, temperature=5))
    token   logit  adjusted logit, T=5  probability, T=5  T=5
    nights      3                  0.6          0.269509  █████▍
    days        2                  0.4          0.220655  ████▍
    hours       1                  0.2          0.180657  ███▋
    weeks       4                  0.8          0.329179  ██████▋
    """
    names, values = _row_of(logits, tokens)
    temperatures = tuple(
        _checks.per_row("temperature", temperature, None, np.float64, lambda t: t >= 0.0, "a number >= 0")
    )
    words: dict[str, Any] = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    shares = []
    for one in temperatures:
        if samplers is None:
            shares.append(probabilities(values, temperature=float(one), **words))
        else:
            from fastsoftmax.samplers.chain import SamplerChain

            shares.append(probabilities(values, samplers=SamplerChain(f"temperature={float(one)!r}", samplers)))
    adjusted = np.array([_adjusted(values, float(one)) for one in temperatures])
    return TokenTable(names, values, tuple(map(float, temperatures)), adjusted, np.array(shares))


def _row_of(logits: Any, tokens: Sequence[Any] | None) -> tuple[tuple[str, ...], Floats]:
    """Return the names and the logits of what is given."""
    if isinstance(logits, Mapping):
        tokens, logits = [*logits], [*logits.values()]
    elif isinstance(logits, Details):
        tokens, logits = _likeliest(logits)
    elif isinstance(logits, tuple) and len(logits) == 2 and isinstance(logits[0], list):
        tokens, shares = logits
        with np.errstate(divide="ignore"):
            logits = np.log(np.asarray(shares, np.float64))
    values = _checks.as_array("logits", logits)
    if values.dtype.kind not in "iuf" or values.ndim != 1 or values.size == 0:
        raise ValueError(f"logits has shape {values.shape} and dtype {values.dtype}, expected a row of numbers, (V,)")
    names = range(values.size) if tokens is None else tokens
    if len(names) != values.size:
        raise ValueError(f"tokens has {len(names)} names, expected {values.size}, one for each logit")
    return tuple("(end)" if name is None else str(name) for name in names), values.astype(np.float64)


def _likeliest(details: Details) -> tuple[list[int], Floats]:
    """Return the tokens of details and the logarithms of their probabilities."""
    if np.shape(details.kept):
        raise ValueError(f"Details has the batch {np.shape(details.kept)}, expected one row, ()")
    if details.kept_set is not None:
        with np.errstate(divide="ignore"):
            return details.kept_set.tokens.tolist(), np.log(details.kept_set.probabilities)
    if details.top_logprobs is not None:
        return details.top_logprobs.tokens.tolist(), np.asarray(details.top_logprobs.logprobs, np.float64)
    raise ValueError("Details has no tokens but the drawn ones, expected those of kept_set=True or top_logprobs=n")


def _adjusted(logits: Floats, temperature: float) -> Floats:
    """Return logits / T; NaN at T = 0, where there is no such number."""
    if temperature == 0:
        return np.full_like(logits, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isinf(logits), logits, logits / temperature) + 0.0  # no -0


def _name(temperature: float) -> str:
    return repr(temperature).removesuffix(".0")


def _number(logit: float) -> str:
    return "-" if np.isnan(logit) else f"{logit:.6g}"


def _probability(p: float) -> str:
    return f"{p:.6f}" if p >= 1e-4 else f"{p:.2e}" if p else "0"
