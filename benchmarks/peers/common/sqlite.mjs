// better-sqlite3, opened as its documentation recommends, and every statement prepared once.
import Database from 'better-sqlite3'
import {CARD_COLUMNS, PUBLIC_COLUMNS, fromSqlite, page, toSqlite} from './campaigns.mjs'

const OPEN = `status = 'ACTIVE' AND (starts_at IS NULL OR starts_at <= @now)
  AND (ends_at IS NULL OR ends_at > @now)`

export function open(path) {
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  // NORMAL may lose the last commits when the power fails, FULL does not. Both are measured.
  database.pragma(`synchronous = ${process.env.SYNCHRONOUS ?? 'FULL'}`)
  const one = database.prepare(
    `SELECT ${PUBLIC_COLUMNS.join()} FROM campaign WHERE slug = ? AND status <> 'DRAFT'`)
  const list = database.prepare(
    `SELECT ${CARD_COLUMNS.join()}, show_email_count FROM campaign WHERE ${OPEN}
     ORDER BY published_at DESC, id DESC LIMIT @limit OFFSET @offset`)
  const count = database.prepare(`SELECT count(*) FROM campaign WHERE ${OPEN}`).pluck()
  return {
    one(slug) {
      const row = one.get(slug)
      return row && fromSqlite(row)
    },
    list(limit, offset) {
      const now = new Date().toISOString()
      const rows = list.all({now, limit: limit + 1, offset})
      for (const row of rows) {
        if (!row.show_email_count) row.email_count = null
        delete row.show_email_count
      }
      return page(rows, limit, offset, count.get({now}))
    },
    insert: inserter(database),
  }
}

function inserter(database) {
  let insert
  return (row) => {
    const names = Object.keys(row)
    insert ??= database.prepare(
      `INSERT INTO campaign (${names.join()}) VALUES (${names.map((name) => `@${name}`).join()})`)
    insert.run(toSqlite(row))
    return row
  }
}
