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
  target_government_levels JSONB NOT NULL,
  allow_smtp_email BOOLEAN NOT NULL,
  allow_mailto_link BOOLEAN NOT NULL,
  allow_email_editing BOOLEAN NOT NULL,
  allow_custom_recipients BOOLEAN NOT NULL,
  show_email_count BOOLEAN NOT NULL,
  email_count BIGINT NOT NULL DEFAULT 0,
  starts_at TIMESTAMPTZ,
  ends_at TIMESTAMPTZ,
  published_at TIMESTAMPTZ,
  created_by TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX campaign_open ON campaign (status, published_at, id, starts_at, ends_at);
