// Fastify and better-sqlite3: SQL by hand, bodies checked by ajv, answers written by schema.
import Fastify from 'fastify'
import {newCampaign, window} from 'peer-common/campaigns'
import * as schemas from 'peer-common/schemas'
import {open} from 'peer-common/sqlite'

const campaigns = open(process.env.DATABASE_PATH)
// By default fastify drops unknown fields; like the others, this one refuses them.
const app = Fastify({ajv: {customOptions: {removeAdditional: false, coerceTypes: false}}})

app.get('/api/public/campaigns/:slug', {
  schema: {response: {200: schemas.publicCampaign}},
}, (request, reply) => {
  const campaign = campaigns.one(request.params.slug)
  if (!campaign) {
    reply.code(404).send({code: 'not_found'})
    return
  }
  reply.send(campaign)
})

app.get('/api/public/campaigns', {
  schema: {response: {200: schemas.listing}},
}, (request, reply) => {
  const {limit, offset} = window(request.query)
  reply.send(campaigns.list(limit, offset))
})

app.post('/api/campaigns', {
  schema: {body: schemas.newCampaign, response: {201: schemas.madeCampaign}},
}, (request, reply) => {
  reply.code(201).send(campaigns.insert(newCampaign(request.body)))
})

await app.listen({host: '127.0.0.1', port: Number(process.env.PORT)})
