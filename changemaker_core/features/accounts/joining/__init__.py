"""How people come to an account, and back into it: links in mails that do one thing once."""
