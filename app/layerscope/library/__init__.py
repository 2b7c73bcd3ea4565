"""Where models come from: bundled, recent, folders."""
