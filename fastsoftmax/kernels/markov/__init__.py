"""From text to counts, and from counts to walks.

Read `words` (bytes to ids), `count` (ids to transitions), `sort` (what `count` sorts), `table` (a row to draw from),
`locate` (a draw from it), `walk`, `independent` (walks of order 0), `biased` (walks of graphs); then `condition`
(sentences within bounds), `product` (that have some phrases), `follow` (how likely a sequence is) and `suffix` (what
was copied).
"""
