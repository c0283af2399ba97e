"""ReqIF (OMG Requirements Interchange Format): the reader, the writer, and the text of XHTML."""
