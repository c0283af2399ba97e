"""The SQL of compliance: calls of the functions of the database."""
