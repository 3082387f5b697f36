// The admin panel is neither built nor served: this peer is measured as an API.
module.exports = ({env}) => ({
  host: '127.0.0.1',
  port: env.int('PORT'),
  app: {keys: ['for benchmarks only', 'nothing secret']},
})
