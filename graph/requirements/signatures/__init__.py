"""Electronic signatures of people on what they have reviewed, approved or written."""
