"""Sound and pictures in and out: decoding, encoding, clocks, provenance. Knows nothing of faces."""
