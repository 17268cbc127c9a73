"""Tables of tokens, and what notebooks show."""
