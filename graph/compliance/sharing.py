"""The objects of compliance that can be shared: the reports of assessments."""

from graph.compliance.assessments import Assessment
from graph.platform.shares.types import shareable

shareable(Assessment, "assessment_id", "assessment", owner="user_id")
