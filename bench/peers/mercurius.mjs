// Mercurius with its just-in-time compiler. Loaders select the columns that the queries show.
import fastify from 'fastify'
import { GraphQLScalarType } from 'graphql'
import mercurius from 'mercurius'
import postgres from 'postgres'

const sql = postgres(process.env.DATABASE_URL, { max: Number(process.env.CONNECTIONS ?? 8) })

const COLUMNS = sql`id, name, description, status, priority, level, position,
  updated_at as "updatedAt", block_id`

const schema = `
  scalar UUID
  scalar DateTime
  type Profile { id: UUID! fullName: String! }
  type Assignment { id: UUID! role: String! assignee: Profile! }
  type Requirement {
    id: UUID! name: String! description: String status: String! priority: String! level: String!
    position: Float! updatedAt: DateTime! assignments: [Assignment!]! block: Block!
  }
  type Block { id: UUID! name: String! requirements: [Requirement!]! }
  type Document { id: UUID! name: String! blocks: [Block!]! requirements(first: Int = 50): [Requirement!]! }
  type Project { id: UUID! name: String! documents: [Document!]! }
  type Query {
    requirement(id: UUID!): Requirement
    project(id: UUID!): Project
    document(id: UUID!): Document
    requirements(projectId: UUID!, first: Int!): [Requirement!]!
  }
`

const asIs = { parseValue: value => value, parseLiteral: node => node.value }
const resolvers = {
  UUID: new GraphQLScalarType({ name: 'UUID', serialize: value => value, ...asIs }),
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: value => value.toISOString(), ...asIs }),
  Query: {
    requirement: async (_, { id }) => (await sql`select ${COLUMNS} from requirements where id = ${id}`)[0],
    project: async (_, { id }) => (await sql`select id, name from projects where id = ${id}`)[0],
    document: async (_, { id }) => (await sql`select id, name from documents where id = ${id}`)[0],
    requirements: (_, { projectId, first }) => sql`
      select ${COLUMNS} from requirements where project_id = ${projectId} order by id limit ${first}`
  }
}

// A loader of the rows that lead to a parent, in the order of the query.
function many (key, select) {
  return loader(async queries => {
    const lists = new Map(queries.map(({ obj }) => [obj.id, []]))
    for (const row of await select([...lists.keys()])) lists.get(row[key]).push(row)
    return queries.map(({ obj }) => lists.get(obj.id))
  })
}

// A loader of the row that a column of the parent names.
function one (column, select) {
  return loader(async queries => {
    const found = new Map()
    const keys = new Set(queries.map(({ obj }) => obj[column]))
    for (const row of await select([...keys])) found.set(row.id, row)
    return queries.map(({ obj }) => found.get(obj[column]))
  })
}

function loader (load) {
  return { loader: load, opts: { cache: false } }
}

const loaders = {
  Project: {
    documents: many('project_id', ids => sql`
      select id, name, project_id from documents where project_id = any(${ids}::uuid[]) order by position`)
  },
  Document: {
    blocks: many('document_id', ids => sql`
      select id, name, document_id from blocks where document_id = any(${ids}::uuid[]) order by position`),
    requirements: loader(queries => Promise.all(queries.map(({ obj, params }) => sql`
      select ${COLUMNS} from requirements where document_id = ${obj.id}
      order by position, id limit ${params.first}`)))
  },
  Block: {
    requirements: many('block_id', ids => sql`
      select ${COLUMNS} from requirements where block_id = any(${ids}::uuid[]) order by position`)
  },
  Requirement: {
    assignments: many('requirement_id', ids => sql`
      select id, role, assignee_id, requirement_id from assignments
      where requirement_id = any(${ids}::uuid[]) order by id`),
    block: one('block_id', ids => sql`select id, name from blocks where id = any(${ids}::uuid[])`)
  },
  Assignment: {
    assignee: one('assignee_id', ids => sql`
      select id, full_name as "fullName" from profiles where id = any(${ids}::uuid[])`)
  }
}

const app = fastify()
app.register(mercurius, { schema, resolvers, loaders, jit: 1, graphiql: false })
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
