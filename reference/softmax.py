"""softmax, log_softmax and logsumexp of one row of logits, by definition.

Exponents and their exponentials are decimal numbers of 21 digits. A float has 16, and an exponent near -700
rounded to them leaves 13 right digits in its exponential; with 21, `softmax` is within 0.6 ulp of the truth.
"""

import math
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

DIGITS = Context(prec=21, Emin=MIN_EMIN, Emax=MAX_EMAX)
# exp(-746) is already below half the smallest float: what lies below this is 0.
NEGLIGIBLE = -800


def exponent(logit: float, maximum: float, temperature: float) -> Decimal:
    """Return (logit - maximum) / temperature, with every limit."""
    if logit == maximum:
        return Decimal(0)
    if logit == -math.inf or maximum == math.inf or temperature == 0:
        return Decimal("-Infinity")
    difference = DIGITS.subtract(Decimal(logit), Decimal(maximum))
    return DIGITS.divide(difference, Decimal(temperature))


def exponential(logit: float, maximum: float, temperature: float) -> Decimal:
    """Return exp((logit - maximum) / temperature), between 0 and 1."""
    x = exponent(logit, maximum, temperature)
    return x.exp(DIGITS) if x > NEGLIGIBLE else Decimal(0)


def softmax(logits: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Return exp(z_i / T) / sum_j exp(z_j / T) for each logit z_i of one row.

    The limits: -inf gives 0; +inf entries share all the mass; T=0 shares it among the maxima; T=inf is
    uniform over what is not -inf. A row with a NaN, or with nothing above -inf, has no distribution: all NaN.
    """
    check_temperature(temperature)
    if not has_distribution(logits):
        return [math.nan] * len(logits)
    maximum = max(logits)
    weights = [exponential(z, maximum, temperature) for z in logits]
    with localcontext(DIGITS):
        total = sum(weights)
        return [float(w / total) for w in weights]


def log_softmax(logits: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Return the natural logarithm of `softmax`, also where that underflows or rounds to 1.

    It is (z_i - max) / T - log1p(rest). Both parts are at most 0, so nothing cancels.
    """
    check_temperature(temperature)
    if not has_distribution(logits):
        return [math.nan] * len(logits)
    maximum = max(logits)
    log_total = math.log1p(rest(logits, temperature))
    return [float(exponent(z, maximum, temperature)) - log_total for z in logits]


def logsumexp(logits: Sequence[float], temperature: float = 1.0) -> float:
    """Return log(sum_j exp(z_j / T)), natural logarithm; -inf for an empty row or one of nothing but -inf.

    At T=0 it is the limit: +inf or -inf by the sign of the maximum, log(number of zeros) if the maximum is 0.
    Near 0 it is the difference of two larger numbers, and only as exact as they are.
    """
    check_temperature(temperature)
    if any(math.isnan(z) for z in logits):
        return math.nan
    maximum = max(logits, default=-math.inf)
    if math.isinf(maximum):
        return maximum
    if maximum == 0:
        scaled = 0.0
    elif temperature == 0:
        scaled = math.copysign(math.inf, maximum)
    else:
        scaled = maximum / temperature
    return scaled + math.log1p(rest(logits, temperature))


def rest(logits: Sequence[float], temperature: float) -> float:
    """Return the sum of exp((z_j - max) / T) without the 1 of one maximum: the argument of log1p."""
    maximum = max(logits)
    first = logits.index(maximum)
    return math.fsum(exponential(z, maximum, temperature) for j, z in enumerate(logits) if j != first)


def has_distribution(logits: Sequence[float]) -> bool:
    """Tell whether softmax is defined: no NaN, and something above -inf."""
    return not any(math.isnan(z) for z in logits) and max(logits, default=-math.inf) > -math.inf


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless temperature >= 0."""
    if not temperature >= 0:  # true for NaN too
        raise ValueError(f"temperature is {temperature}, expected a number >= 0")
