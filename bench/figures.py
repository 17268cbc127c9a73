"""The figures of docs/plots.md and docs/chains.md: `python -m bench.figures`."""

import fastsoftmax as fs
from bench.machine import ROOT
from fastsoftmax import plot

PLOTS, CHAINS = ROOT / "docs" / "plots.png", ROOT / "docs" / "chains.png"
NIGHTS = {"nights": 3, "days": 2, "hours": 1, "weeks": 4}
ROW = dict(zip("abcdefghijkl", [3.0, 2.9, 2.7, 2.4, 1.2, 1.0, 0.6, 0.5, -0.1, -0.7, -1.5, -2.5], strict=True))
RHYME = """
twinkle twinkle little star
how i wonder what you are
up above the world so high
like a diamond in the sky
when the blazing sun is gone
when he nothing shines upon
then you show your little light
twinkle twinkle all the night
then the traveller in the dark
thanks you for your tiny spark
"""


DAYS = fs.MarkovChain.from_matrix([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]], ["sun", "rain", "snow"])


def main() -> None:
    """Draw them."""
    draw_plots()
    draw_chains()


def draw_chains() -> None:
    """Draw a chain of three states: its graph, the way to the long run, and its eigenvalues."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(14, 3.8), layout="constrained")
    plot.transitions(DAYS, ax=axes[0]).set_title("transitions")
    plot.evolution(DAYS, "snow", ax=axes[1]).set_title("evolution")
    plot.spectrum(DAYS, ax=axes[2]).set_title("spectrum")
    figure.savefig(CHAINS, dpi=80)
    print(f"wrote {CHAINS.relative_to(ROOT)}")


def draw_plots() -> None:
    """Draw what rows of logits and a chain of words look like."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 7.5), layout="constrained")
    lines = [line.split() for line in RHYME.strip().splitlines()]
    plot.distribution(NIGHTS, temperature=[0.5, 1, 5], ax=axes[0, 0]).set_title("distribution")
    plot.curves(NIGHTS, temperature=5, ax=axes[0, 1]).set_title("curves")
    plot.entropy(NIGHTS, ax=axes[0, 2]).set_title("entropy")
    plot.kept(ROW, "top_k=9 top_p=0.9 temperature=0.7", ax=axes[1, 0]).set_title("kept")
    plot.transitions(fs.MarkovChain(1).fit(lines), ax=axes[1, 1]).set_title("transitions")
    plot.transitions(fs.MarkovChain(2).fit(lines), states=8, ax=axes[1, 2]).set_title("transitions, order 2")
    figure.savefig(PLOTS, dpi=80)
    print(f"wrote {PLOTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
