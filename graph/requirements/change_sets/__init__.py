"""Change sets: proposed changes of documents, blocks and requirements, and their application."""
