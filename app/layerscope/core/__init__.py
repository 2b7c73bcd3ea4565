"""Values and pure computing: the standard library and numpy only."""
