"""StrictDoc: the reader and the writer of .sdoc files."""
