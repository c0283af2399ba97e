"""What PostgreSQL can store as text: Unicode in UTF-8, without NUL."""


def fault_in(text: str) -> str | None:
    """Why this text cannot be stored or compared with what is; None when it can."""
    if "\x00" in text:
        return "Text may not contain NUL characters."
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "Text is not valid Unicode."
    return None
