// What every Node peer shares: the answer's shape, and what a new campaign is.
import {randomUUID} from 'node:crypto'

/** Columns of the public answer, as they are stored. */
export const PUBLIC_COLUMNS = [
  'id', 'slug', 'title', 'description', 'email_subject', 'email_body', 'call_to_action',
  'cover_photo', 'language', 'status', 'target_government_levels', 'allow_smtp_email',
  'allow_mailto_link', 'allow_email_editing', 'show_email_count', 'email_count',
  'starts_at', 'ends_at',
]

/** Columns of a card in the public list. */
export const CARD_COLUMNS = [
  'id', 'slug', 'title', 'description', 'email_subject', 'cover_photo', 'language', 'published_at',
  'email_count',
]

/** The public answer of a row whose booleans and lists are what they should be. */
export function publicCampaign(row) {
  const now = new Date()
  return {
    id: row.id,
    slug: row.slug,
    title: row.title,
    description: row.description,
    email_subject: row.email_subject,
    email_body: row.email_body,
    call_to_action: row.call_to_action,
    cover_photo: row.cover_photo,
    language: row.language,
    target_government_levels: row.target_government_levels,
    allow_smtp_email: row.allow_smtp_email,
    allow_mailto_link: row.allow_mailto_link,
    allow_email_editing: row.allow_email_editing,
    show_email_count: row.show_email_count,
    email_count: row.show_email_count ? row.email_count : null,
    is_open: row.status === 'ACTIVE'
      && (row.starts_at === null || new Date(row.starts_at) <= now)
      && (row.ends_at === null || new Date(row.ends_at) > now),
    starts_at: row.starts_at,
    ends_at: row.ends_at,
    custom_recipients: [],
  }
}

/** The same of a row as SQLite gives it. */
export function fromSqlite(row) {
  row.target_government_levels = JSON.parse(row.target_government_levels)
  row.allow_smtp_email = row.allow_smtp_email === 1
  row.allow_mailto_link = row.allow_mailto_link === 1
  row.allow_email_editing = row.allow_email_editing === 1
  row.show_email_count = row.show_email_count === 1
  return publicCampaign(row)
}

/** A page of a list, of which one row more than `limit` was fetched. */
export function page(rows, limit, offset, total) {
  return {
    data: rows.slice(0, limit),
    pagination: {
      total, limit, offset, has_more: rows.length > limit, next_cursor: null, total_at_least: null,
    },
  }
}

/** `limit` and `offset` of a query string, within their bounds. */
export function window(query) {
  const limit = Math.min(Math.max(Number.parseInt(query.limit ?? '50', 10) || 50, 1), 100)
  const offset = Math.max(Number.parseInt(query.offset ?? '0', 10) || 0, 0)
  return {limit, offset}
}

/** A row of a valid body: a draft. Times are dates. */
export function newCampaign(body) {
  const now = new Date()
  return {
    id: randomUUID(),
    slug: slugify(body.title),
    title: body.title,
    description: body.description ?? '',
    email_subject: body.email_subject,
    email_body: body.email_body,
    call_to_action: body.call_to_action ?? '',
    cover_photo: body.cover_photo ?? '',
    language: body.language ?? 'en',
    status: 'DRAFT',
    target_government_levels: body.target_government_levels,
    allow_smtp_email: body.allow_smtp_email ?? true,
    allow_mailto_link: body.allow_mailto_link ?? true,
    allow_email_editing: body.allow_email_editing ?? false,
    allow_custom_recipients: body.allow_custom_recipients ?? false,
    show_email_count: body.show_email_count ?? true,
    starts_at: body.starts_at ? new Date(body.starts_at) : null,
    ends_at: body.ends_at ? new Date(body.ends_at) : null,
    published_at: null,
    created_by: null,
    created_at: now,
    updated_at: now,
  }
}

/** The row as SQLite takes it. */
export function toSqlite(row) {
  const text = (time) => time && time.toISOString()
  return {
    ...row,
    target_government_levels: JSON.stringify(row.target_government_levels),
    allow_smtp_email: Number(row.allow_smtp_email),
    allow_mailto_link: Number(row.allow_mailto_link),
    allow_email_editing: Number(row.allow_email_editing),
    allow_custom_recipients: Number(row.allow_custom_recipients),
    show_email_count: Number(row.show_email_count),
    starts_at: text(row.starts_at),
    ends_at: text(row.ends_at),
    created_at: text(row.created_at),
    updated_at: text(row.updated_at),
  }
}

function slugify(title) {
  const plain = title.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase()
  return plain.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 80)
}
