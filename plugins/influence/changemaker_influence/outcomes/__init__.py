"""What a person decides about messages: to send failed ones again, and what became of others."""
