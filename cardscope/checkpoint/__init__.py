"""The checkpoint as a witness: what is stored, read from headers, never from weights."""
