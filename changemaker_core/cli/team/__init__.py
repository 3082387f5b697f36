"""Commands about people: users, and the roles that they hold."""
