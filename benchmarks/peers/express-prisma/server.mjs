// Express 5 and Prisma 7, on SQLite or PostgreSQL, through Prisma's driver adapters.
import express from 'express'
import {CARD_COLUMNS, PUBLIC_COLUMNS, newCampaign, page, publicCampaign, window}
  from 'peer-common/campaigns'
import {NewCampaign} from 'peer-common/validation'

const prisma = await connect()
const selection = (names) => Object.fromEntries(names.map((name) => [name, true]))
const PUBLIC = selection(PUBLIC_COLUMNS)
const CARD = selection([...CARD_COLUMNS, 'show_email_count'])
const app = express()
app.use(express.json({limit: '1mb'}))

app.get('/api/public/campaigns/:slug', async (request, response) => {
  const row = await prisma.campaign.findUnique({where: {slug: request.params.slug}, select: PUBLIC})
  if (row === null || row.status === 'DRAFT') return response.status(404).json({code: 'not_found'})
  response.json(publicCampaign(row))
})

app.get('/api/public/campaigns', async (request, response) => {
  const {limit, offset} = window(request.query)
  const now = new Date()
  const where = {
    status: 'ACTIVE',
    AND: [
      {OR: [{starts_at: null}, {starts_at: {lte: now}}]},
      {OR: [{ends_at: null}, {ends_at: {gt: now}}]},
    ],
  }
  const [rows, total] = await Promise.all([
    prisma.campaign.findMany({
      where, select: CARD, orderBy: [{published_at: 'desc'}, {id: 'desc'}],
      take: limit + 1, skip: offset,
    }),
    prisma.campaign.count({where}),
  ])
  const cards = rows.map(({show_email_count, email_count, ...card}) => (
    {...card, email_count: show_email_count ? email_count : null}))
  response.json(page(cards, limit, offset, total))
})

app.post('/api/campaigns', async (request, response) => {
  const body = NewCampaign.safeParse(request.body)
  if (!body.success) return response.status(422).json({errors: body.error.issues})
  const made = await prisma.campaign.create({
    data: newCampaign(body.data), omit: {email_count: true},
  })
  response.status(201).json(made)
})

app.listen(Number(process.env.PORT), '127.0.0.1')

async function connect() {
  if (process.env.DATABASE_URL) {
    const {PrismaPg} = await import('@prisma/adapter-pg')
    const {PrismaClient} = (await import('./postgresql/client/index.js')).default
    return new PrismaClient({adapter: new PrismaPg({connectionString: process.env.DATABASE_URL})})
  }
  const {PrismaBetterSqlite3} = await import('@prisma/adapter-better-sqlite3')
  const {PrismaClient} = (await import('./sqlite/client/index.js')).default
  const adapter = new PrismaBetterSqlite3({url: `file:${process.env.DATABASE_PATH}`})
  return new PrismaClient({adapter})
}
