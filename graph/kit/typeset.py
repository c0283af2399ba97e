"""PDF files, typeset by Typst from templates of the products."""

from pathlib import Path


def pdf(template: Path, data: bytes) -> bytes:
    """Return a tagged PDF of a template, which reads JSON from `sys.inputs.data`.

    Contents are data of the template, and never code of it. Takes CPU time: call it in a thread.
    """
    import typst  # noqa: PLC0415 (it takes 40 MB)

    inputs = {"data": data.decode()}
    root = str(template.parent)
    content: bytes = typst.compile(str(template), root=root, format="pdf", sys_inputs=inputs)
    return content
