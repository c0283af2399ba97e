"""The audit log as evidence: exports by jobs, verification, alerts and the SOC 2 report."""
