"""An engine that ends as soon as anything is asked of it."""

import os


def main(connection, links):
    """Wait for a command, then end with status 7."""
    connection.recv_bytes()
    os._exit(7)
