"""Which chains can be: what may follow what."""

from fastsoftmax.samplers import SAMPLERS
from fastsoftmax.samplers.edit import Edit
from fastsoftmax.samplers.step import AFTER, MASS, NEAREST, OFF, SCALE, Step

MOST_COINS = 4  # steps that toss a coin: a chain has two outcomes for each


def refuse_impossible(steps: tuple[Step, ...]) -> None:
    """Raise an error for a chain that cannot be."""
    scaled = cut = False
    for place, step in enumerate(steps):
        if isinstance(step, Edit) and place > 0 and not isinstance(steps[place - 1], Edit):
            raise ValueError(
                f"samplers has {step.name} after {steps[place - 1].name}, expected it before: what changes logits for "
                "what came before comes first"
            )
        if place + 1 < len(steps) and step.followers is not None and steps[place + 1].way not in step.followers:
            allowed = " or ".join(kind.name for kind in SAMPLERS if kind.way in step.followers) or "nothing"
            raise ValueError(
                f"samplers has {steps[place + 1].name} after {step.name}, expected {allowed} after it: "
                f"{step.name} picks the token or changes the order"
            )
        if step.way == MASS and getattr(step, "of", "") == "all" and (scaled or cut):
            what = "a scale after a filter" if scaled else "what drops tokens from the front"
            raise ValueError(
                f"samplers has {step} after {what}, expected it before: p of all is of the first filter's row"
            )
        scaled = scaled or (step.way == SCALE and any(one.way not in (SCALE, OFF) for one in steps[:place]))
        cut = cut or step.way in (AFTER, NEAREST)
    coins = [step.name for step in steps if step.way == AFTER]
    if coins and any(getattr(step, "draws", "") == "distinct" for step in steps):
        raise ValueError(
            f"samplers has distinct draws and {coins[0]}, expected one: a coin gives each draw its own set"
        )
    if len(coins) > MOST_COINS:
        raise ValueError(f"samplers has {len(coins)} that toss a coin ({coins[0]}), expected at most {MOST_COINS}")
