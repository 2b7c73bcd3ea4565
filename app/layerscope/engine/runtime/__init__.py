"""Running a model: devices, sessions, profiles."""
