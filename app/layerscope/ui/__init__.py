"""The window: every import of PySide6 and pyqtgraph."""
