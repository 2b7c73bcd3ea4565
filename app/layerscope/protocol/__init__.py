"""What the window process and the engine process say to each other."""
