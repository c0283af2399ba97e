// Makes types of documents with GraphQL Code Generator:
// node codegen.mjs < {"schema", "documents", "scalars"}. Prints the TypeScript.

import { json } from 'node:stream/consumers';

import { codegen } from '@graphql-codegen/core';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const { schema, documents, scalars } = await json(process.stdin);
const types = await codegen({
  filename: 'types.ts',
  schema: parse(schema),
  documents: documents.map((text, number) => ({ location: `${number}`, document: parse(text) })),
  config: { scalars, strictScalars: Boolean(scalars) },
  plugins: [{ operations: {} }],
  pluginMap: { operations },
});
process.stdout.write(types);
