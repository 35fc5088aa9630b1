// Bundles the tests and runs them with Node's own runner.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const names = readdirSync('test').filter(name => name.endsWith('.test.ts'));
await build({
  entryPoints: names.map(name => `test/${name}`), bundle: true, format: 'esm', platform: 'node', outdir: 'lib/test', outExtension: { '.js': '.mjs' }
});
const files = names.map(name => `lib/test/${name.replace(/\.ts$/, '.mjs')}`);
process.exit(spawnSync(process.execPath, ['--test', ...files], { stdio: 'inherit' }).status ?? 1);
