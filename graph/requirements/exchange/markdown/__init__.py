"""Markdown: the reader, the writer, and the syntax that both share."""
