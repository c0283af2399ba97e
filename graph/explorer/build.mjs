// Bundles the explorer into the folder named on the command line; entries.json there names the
// files that the page starts with.
//
// Every file name carries a hash of its content, so the server may let browsers keep it for ever.

import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const outdir = process.argv[2];

// The policy `default-src 'self'` forbids data: URLs, so fonts and images embedded in the
// libraries' style sheets become files of their own.
const embeddedFiles = {
  name: 'embedded-files',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^data:(font|image)\// }, ({ path }) => {
      const [, kind, type, text] = path.match(/^data:(\w+)\/(\w+)[^,]*;base64,(.*)$/s);
      const content = Buffer.from(text, 'base64');
      const digest = createHash('sha256').update(content).digest('hex');
      return { path: `${digest}/${kind}.${type}`, namespace: 'embedded', pluginData: content };
    });
    onLoad({ filter: /.*/, namespace: 'embedded' }, ({ pluginData }) => ({
      contents: pluginData,
      loader: 'file',
    }));
  },
};

// GraphiQL's style sheet holds Monaco's, so those that Monaco's modules import are left out.
const editorStyles = {
  name: 'editor-styles',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]monaco-editor[\\/].*\.css$/ }, () => ({ contents: '', loader: 'empty' }));
  },
};

const options = {
  absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
  bundle: true,
  minify: true,
  metafile: true,
  outdir,
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  assetNames: '[name]-[hash]',
  target: ['chrome110', 'firefox110', 'safari16.4'],
  legalComments: 'linked',
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
};

/** The entry point's name -> the name of the file it was bundled into. */
function entries({ metafile }) {
  const bundled = Object.entries(metafile.outputs).filter(([, output]) => output.entryPoint);
  return Object.fromEntries(
    bundled.map(([file, output]) => [basename(output.entryPoint), { file: basename(file), css: output.cssBundle }]),
  );
}

const workers = await build({
  ...options,
  format: 'iife',
  entryPoints: {
    'editor-worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json-worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql-worker': 'monaco-graphql/esm/graphql.worker.js',
  },
});
const worker = entries(workers);

const page = await build({
  ...options,
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  loader: { '.svg': 'copy' },
  entryPoints: { explorer: 'src/main.jsx', icon: 'src/icon.svg' },
  plugins: [embeddedFiles, editorStyles],
  // GraphiQL imports these two by old names for CommonJS files, whose exports get lost on the way.
  alias: {
    'prettier/parser-babel': 'prettier/plugins/babel',
    'prettier/parser-graphql': 'prettier/plugins/graphql',
  },
  define: {
    ...options.define,
    EDITOR_WORKER: JSON.stringify(worker['editor.worker.js'].file),
    JSON_WORKER: JSON.stringify(worker['json.worker.js'].file),
    GRAPHQL_WORKER: JSON.stringify(worker['graphql.worker.js'].file),
  },
});
const main = entries(page);

const named = {
  script: main['main.jsx'].file,
  style: basename(main['main.jsx'].css),
  icon: main['icon.svg'].file,
};
await writeFile(`${outdir}/entries.json`, JSON.stringify(named));
