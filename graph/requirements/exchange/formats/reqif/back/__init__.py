"""Writing the rows of an imported ReqIF file back into it."""

from graph.requirements.exchange.formats.reqif.back.originals import write_back

__all__ = ["write_back"]
