"""Reviews of requirements, documents, baselines and change sets, and the approvals they give."""
