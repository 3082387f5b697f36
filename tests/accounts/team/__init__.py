"""Users, roles and scopes, and what each route requires of them."""
