"""Bodies of requests: read within limits, whole or streamed, and converted to Structs."""
