// PostGraphile 5 with its Amber preset; lists in place of connections, as the other peers have them.
import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { makePgService } from 'postgraphile/adaptors/pg'
import { grafserv } from 'postgraphile/grafserv/node'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  disablePlugins: ['PgIndexBehaviorsPlugin'], // every column may order and filter
  pgServices: [makePgService({
    connectionString: process.env.DATABASE_URL,
    schemas: ['public'],
    poolConfig: { max: Number(process.env.CONNECTIONS ?? 8) }
  })],
  schema: { defaultBehavior: 'list connection' },
  grafast: { explain: false },
  grafserv: { graphiql: false, watch: false, graphqlPath: '/graphql', maxRequestLength: 1_000_000 }
})
const server = createServer()
await instance.createServ(grafserv).addTo(server)
await instance.getSchema()
server.listen(Number(process.env.PORT), '127.0.0.1')
