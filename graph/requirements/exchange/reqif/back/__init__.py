"""The writing of changes back into an imported ReqIF file, in which all else stays as it is."""
