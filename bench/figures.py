"""The figure of docs/plots.md: `python -m bench.figures`."""

import fastsoftmax as fs
from bench.machine import ROOT
from fastsoftmax import plot

FIGURE = ROOT / "docs" / "plots.png"
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


def main() -> None:
    """Draw it."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(14, 7.5), layout="constrained")
    lines = [line.split() for line in RHYME.strip().splitlines()]
    plot.distribution(NIGHTS, temperature=[0.5, 1, 5], ax=axes[0, 0]).set_title("distribution")
    plot.curves(NIGHTS, temperature=5, ax=axes[0, 1]).set_title("curves")
    plot.entropy(NIGHTS, ax=axes[0, 2]).set_title("entropy")
    plot.kept(ROW, "top_k=9 top_p=0.9 temperature=0.7", ax=axes[1, 0]).set_title("kept")
    plot.transitions(fs.MarkovChain(1).fit(lines), ax=axes[1, 1]).set_title("transitions")
    plot.transitions(fs.MarkovChain(2).fit(lines), states=8, ax=axes[1, 2]).set_title("transitions, order 2")
    figure.savefig(FIGURE, dpi=80)
    print(f"wrote {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
