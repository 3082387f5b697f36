-- The peers' one table: what the product keeps of a campaign, its count of letters beside it.
CREATE TABLE campaign (
  id TEXT NOT NULL PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  email_subject TEXT NOT NULL,
  email_body TEXT NOT NULL,
  call_to_action TEXT NOT NULL,
  cover_photo TEXT NOT NULL,
  language TEXT NOT NULL,
  status TEXT NOT NULL,
  target_government_levels TEXT NOT NULL,
  allow_smtp_email INTEGER NOT NULL,
  allow_mailto_link INTEGER NOT NULL,
  allow_email_editing INTEGER NOT NULL,
  allow_custom_recipients INTEGER NOT NULL,
  show_email_count INTEGER NOT NULL,
  email_count INTEGER NOT NULL DEFAULT 0,
  starts_at TEXT,
  ends_at TEXT,
  published_at TEXT,
  created_by TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX campaign_open ON campaign (status, published_at, id, starts_at, ends_at);
