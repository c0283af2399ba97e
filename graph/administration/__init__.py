"""Pages for administrators: members, access reviews and the audit log, without a script."""
