"""The desktop's own parts: the spectrum dock, its map tool, and widgets that need Qt alone."""
