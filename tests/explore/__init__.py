"""The page with sliders, in a real browser."""
