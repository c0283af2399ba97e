"""The two ways between the exchange model and the database."""
