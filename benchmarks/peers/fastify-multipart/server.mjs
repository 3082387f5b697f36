// Fastify and @fastify/multipart, whose parser is busboy: bodies and files of forms go to the disk.
import {createWriteStream} from 'node:fs'
import {pipeline} from 'node:stream/promises'
import multipart from '@fastify/multipart'
import Fastify from 'fastify'

const limit = 4 * 1024 ** 3
const app = Fastify({bodyLimit: limit})
app.register(multipart, {limits: {fileSize: limit}})
app.addContentTypeParser('application/octet-stream', (request, payload, done) => {
  done(null, payload)
})

async function store(stream) {
  const target = createWriteStream(process.env.TARGET)
  await pipeline(stream, target)
  return {size: target.bytesWritten}
}

app.get('/upload', () => ({}))
app.put('/upload', (request) => store(request.body))
app.post('/upload', async (request) => {
  const part = await request.file()
  return store(part.file)
})

await app.listen({host: '127.0.0.1', port: Number(process.env.PORT)})
