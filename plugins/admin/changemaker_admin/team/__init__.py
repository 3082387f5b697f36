"""The people who run a site: invitations, roles, sessions, and what becomes of an account."""
