"""From a row of logits to a token.

Read `sample` (the road), `keep` (what the filters leave), then `groups` and `light` (maxima and masses), `threshold`,
`listing` and `bisect` (a short list and its cut), `unlisted` (a long one), `exact` (a cut too near to p to tell),
`draw` and `places`, `redraw` (a draw too near to a boundary to tell), and `describe` (what is told of a draw);
`workspace` is their memory.
"""
