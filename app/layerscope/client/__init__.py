"""The parent end of the pipe: start, send, receive, restart."""
