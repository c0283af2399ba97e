"""The formats of files, a folder for each, with its declaration, reader and writer.

`registry` finds them by the folder alone: `__init__.py` declares the format as FORMAT, `reader.py`
has `read`, and `writer.py` has `write`. A format that writes edits into an imported file has
`write_back` in `back.py`, or in the package `back`.
"""
