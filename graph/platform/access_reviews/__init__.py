"""The jobs of access reviews."""
