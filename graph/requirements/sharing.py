"""The objects of requirements management that can be shared."""

from graph.platform.shares.types import shareable
from graph.requirements.baselines import Baseline
from graph.requirements.documents import Document

shareable(Document, "document_id", "document")
shareable(Baseline, "baseline_id", "baseline")
