// Fastify and drizzle on node-postgres: prepared queries, bodies checked by ajv.
import {and, count, desc, eq, gt, isNull, lte, ne, or, sql} from 'drizzle-orm'
import {drizzle} from 'drizzle-orm/node-postgres'
import {bigint, boolean, jsonb, pgTable, text, timestamp} from 'drizzle-orm/pg-core'
import Fastify from 'fastify'
import pg from 'pg'
import {CARD_COLUMNS, PUBLIC_COLUMNS, newCampaign, page, publicCampaign, window}
  from 'peer-common/campaigns'
import * as schemas from 'peer-common/schemas'

const time = () => timestamp({withTimezone: true})
const campaign = pgTable('campaign', {
  id: text().primaryKey(),
  slug: text().notNull().unique(),
  title: text().notNull(),
  description: text().notNull(),
  email_subject: text().notNull(),
  email_body: text().notNull(),
  call_to_action: text().notNull(),
  cover_photo: text().notNull(),
  language: text().notNull(),
  status: text().notNull(),
  target_government_levels: jsonb().notNull(),
  allow_smtp_email: boolean().notNull(),
  allow_mailto_link: boolean().notNull(),
  allow_email_editing: boolean().notNull(),
  allow_custom_recipients: boolean().notNull(),
  show_email_count: boolean().notNull(),
  email_count: bigint({mode: 'number'}).notNull().default(0),
  starts_at: time(),
  ends_at: time(),
  published_at: time(),
  created_by: text(),
  created_at: time().notNull(),
  updated_at: time().notNull(),
})

const selection = (names) => Object.fromEntries(names.map((name) => [name, campaign[name]]))
const db = drizzle(new pg.Pool({connectionString: process.env.DATABASE_URL, max: 10}))
const now = sql.placeholder('now')
const isOpen = and(
  eq(campaign.status, 'ACTIVE'),
  or(isNull(campaign.starts_at), lte(campaign.starts_at, now)),
  or(isNull(campaign.ends_at), gt(campaign.ends_at, now)),
)
const one = db.select(selection(PUBLIC_COLUMNS)).from(campaign)
  .where(and(eq(campaign.slug, sql.placeholder('slug')), ne(campaign.status, 'DRAFT')))
  .prepare('campaign_by_slug')
const list = db.select(selection([...CARD_COLUMNS, 'show_email_count'])).from(campaign)
  .where(isOpen)
  .orderBy(desc(campaign.published_at), desc(campaign.id))
  .limit(sql.placeholder('limit')).offset(sql.placeholder('offset'))
  .prepare('open_campaigns')
const total = db.select({total: count()}).from(campaign).where(isOpen).prepare('count_open')

const app = Fastify({ajv: {customOptions: {removeAdditional: false, coerceTypes: false}}})

app.get('/api/public/campaigns/:slug', {
  schema: {response: {200: schemas.publicCampaign}},
}, async (request, reply) => {
  const [row] = await one.execute({slug: request.params.slug})
  if (!row) return reply.code(404).send({code: 'not_found'})
  return publicCampaign(row)
})

app.get('/api/public/campaigns', {
  schema: {response: {200: schemas.listing}},
}, async (request) => {
  const {limit, offset} = window(request.query)
  const now = new Date().toISOString()
  const [rows, [counted]] = await Promise.all([
    list.execute({now, limit: limit + 1, offset}),
    total.execute({now}),
  ])
  const cards = rows.map(({show_email_count, email_count, ...card}) => (
    {...card, email_count: show_email_count ? email_count : null}))
  return page(cards, limit, offset, counted.total)
})

app.post('/api/campaigns', {
  schema: {body: schemas.newCampaign, response: {201: schemas.madeCampaign}},
}, async (request, reply) => {
  const [made] = await db.insert(campaign).values(newCampaign(request.body)).returning()
  return reply.code(201).send(made)
})

await app.listen({host: '127.0.0.1', port: Number(process.env.PORT)})
