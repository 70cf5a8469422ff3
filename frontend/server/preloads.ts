// Which scripts a page needs, from what Vite wrote about the build.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where it stands below the built page. It is not served. */
export const MANIFEST = '/.vite/manifest.json';

type Manifest = Record<string, { file: string; imports?: string[] }>;

/** The scripts with which a file of src comes, by its name; itself last. */
export function scriptsOf(directory: string): (source: string) => string[] {
  const file = join(directory, MANIFEST);
  const manifest: Manifest = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const withImports = (name: string): string[] => {
    const chunk = manifest[name];
    return chunk ? [...(chunk.imports ?? []).flatMap(withImports), `/${chunk.file}`] : [];
  };
  return (source) => [...new Set(withImports(source))];
}
