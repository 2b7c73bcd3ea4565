"""What the application knows now."""
