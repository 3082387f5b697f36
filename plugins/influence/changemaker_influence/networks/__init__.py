"""Networks in which many people share one address."""
