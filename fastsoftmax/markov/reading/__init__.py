"""From text to streams of numbers, and back.

Read `clean` (sources to clean UTF-8), `word_table` (words to numbers), `splitting` (where sentences end), `tokens` (all
of it, for any tokens), `joining` (tokens to text).
"""
