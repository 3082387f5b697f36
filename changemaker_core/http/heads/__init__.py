"""The heads of requests: what they may be, and what they say of a visitor, a proxy and a page."""
