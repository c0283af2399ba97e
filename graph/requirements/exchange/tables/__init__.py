"""CSV and XLSX: a row for each requirement."""
