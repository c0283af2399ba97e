// Compiles documents with Relay's compiler: node relay.mjs < {"schema", "documents", "scalars"}.
// Prints {"text", "reader", "normalization", "types"}: the operations that a client sends, how it
// reads and stores answers, and its types in TypeScript; or
// {"errors"}, what the compiler complains about.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { json } from 'node:stream/consumers';

const { resolve } = createRequire(import.meta.url);
const read = (file) => readFile(resolve(`relay-compiler-playground/${file}`));

// The package does not say that it is a module, which only a URL of its source makes up for.
const source = await read('relay_compiler_playground.js');
const relay = await import(`data:text/javascript;base64,${source.toString('base64')}`);
await relay.default(await read('relay_compiler_playground_bg.wasm'));

const { schema, documents, scalars } = await json(process.stdin);
const typed = JSON.stringify({ language: 'typescript', customScalarTypes: scalars });
const compiled = {
  text: relay.transform('{}', schema, documents),
  reader: relay.parse_to_reader_ast('{}', schema, documents),
  normalization: relay.parse_to_normalization_ast('{}', schema, documents),
  types: relay.parse_to_types('{}', typed, schema, documents),
};
const answer = {};
for (const [name, result] of Object.entries(compiled)) {
  const { Ok: made, Err: refused } = JSON.parse(result);
  if (refused) {
    const found = Object.values(refused).flat();
    answer.errors = found.map((error) => error.message ?? error);
    break;
  }
  answer[name] = made;
}
process.stdout.write(JSON.stringify(answer));
