"""Text that other machines sent, made fit for a log line."""

MAX_LENGTH = 64


def abridge(text: str) -> str:
    """Return the first 64 characters of a text, with those replaced that cannot be printed.

    A message's text can be a megabyte long, or forge log lines of its own by line breaks.
    """
    start = "".join(char if char.isprintable() else "\ufffd" for char in text[:MAX_LENGTH])
    return f"{start}..." if len(text) > MAX_LENGTH else start
