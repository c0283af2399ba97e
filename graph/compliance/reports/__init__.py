"""Reports of assessments as files: JSON, CSV and PDF, written by a job."""
