"""The judgement of a document by the requirements of frameworks."""
