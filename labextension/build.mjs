// Compiles and bundles: the widget's module by esbuild, the labextension by JupyterLab's builder.
// What comes out goes into the Python package; nothing but node_modules is read.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const LIMIT_BYTES = 150_000;
const module_ = '../ray_jupyter/dashboard/static/dashboard.js';
const extension = '../ray_jupyter/labextension';

const run = (...command) => execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' });
await build({
  entryPoints: ['src/hosts/widget.ts'], bundle: true, format: 'esm', minify: true, target: 'es2020', outfile: module_, legalComments: 'none'
});
rmSync(extension, { recursive: true, force: true });
run('node_modules/@jupyter/builder/lib/build-labextension.js', '--core-package-file', 'node_modules/@jupyterlab/core-meta/core.package.json', '.');
mkdirSync(extension, { recursive: true });
copyFileSync('install.json', join(extension, 'install.json'));

const sizeOf = path => (statSync(path).isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : statSync(path).size);
for (const [name, path] of [['widget module', module_], ['labextension', extension]]) {
  const bytes = sizeOf(path);
  console.log(`${name}: ${(bytes / 1000).toFixed(0)} kB`);
  if (bytes > LIMIT_BYTES) throw new Error(`the ${name} has ${bytes} bytes, more than ${LIMIT_BYTES}`);
}
