"""People and service accounts: signing up and in, passwords, keys, invitations, mail."""
