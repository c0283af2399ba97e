"""The hash chain over the audit log: sealing, verification and export."""
