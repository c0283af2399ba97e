"""States of features, builds, deployments, defects and vulnerabilities, and their enforcement."""
