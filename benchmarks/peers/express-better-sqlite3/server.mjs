// Express 5 and better-sqlite3: SQL by hand, bodies checked by zod.
import express from 'express'
import {newCampaign, window} from 'peer-common/campaigns'
import {open} from 'peer-common/sqlite'
import {NewCampaign} from 'peer-common/validation'

const campaigns = open(process.env.DATABASE_PATH)
const app = express()
app.use(express.json({limit: '1mb'}))

app.get('/api/public/campaigns/:slug', (request, response) => {
  const campaign = campaigns.one(request.params.slug)
  if (!campaign) return response.status(404).json({code: 'not_found'})
  response.json(campaign)
})

app.get('/api/public/campaigns', (request, response) => {
  const {limit, offset} = window(request.query)
  response.json(campaigns.list(limit, offset))
})

app.post('/api/campaigns', (request, response) => {
  const body = NewCampaign.safeParse(request.body)
  if (!body.success) return response.status(422).json({errors: body.error.issues})
  response.status(201).json(campaigns.insert(newCampaign(body.data)))
})

app.listen(Number(process.env.PORT), '127.0.0.1')
