// What orval makes: a client with fetch, and validators with zod.
import { defineConfig } from 'orval';

const input = { target: './openapi.json' };
export default defineConfig({
  api: { input, output: { client: 'fetch', target: 'generated/orval/api.ts', baseUrl: { runtime: 'process.env.API_URL' } } },
  zod: { input, output: { client: 'zod', target: 'generated/orval/zod.ts' } },
});
