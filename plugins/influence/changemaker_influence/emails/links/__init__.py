"""Links that a visitor opens in another app: of mails, of telephones, and as QR codes."""
