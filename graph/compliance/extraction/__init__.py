"""The extraction of the text of documents, in processes of their own with limits."""
