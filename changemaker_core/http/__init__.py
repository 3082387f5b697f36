"""HTTP: the edge, endpoints, problems, lists, the description of the API."""
