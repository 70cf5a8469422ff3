// How the page is built, and served while it is worked on.
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { compression } from 'vite-plugin-compression2';
import { define } from './contract-rules.ts';
import { settings } from './server/settings.ts';

/** While developing: writes into the page what the server writes in production. */
const gateway: Plugin = {
  name: 'gateway',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace('%GATEWAY_URL%', settings(process.env).gateway),
};

/** What the first sight of any page is written with is fetched at once, not only when the style sheet has been read. */
const fonts: Plugin = {
  name: 'fonts',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (_, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((name) =>
          /barlow-(latin-400|latin-600|condensed-latin-500|condensed-latin-600)-normal.*\.woff2$/.test(name),
        )
        .map((name) => ({
          tag: 'link',
          attrs: { rel: 'preload', href: `/${name}`, as: 'font', type: 'font/woff2', crossorigin: '' },
          injectTo: 'head' as const,
        })),
  },
};

export default defineConfig(({ isSsrBuild }) => ({
  // The server makes the start page with React: with the one that is for use, not for work on it.
  define: isSsrBuild ? { ...define, 'process.env.NODE_ENV': '"production"' } : define,
  plugins: [
    react(),
    tailwindcss(),
    gateway,
    fonts,
    // The server hands out the packed copies. The page itself it makes, and packs, at every start.
    isSsrBuild ? [] : compression({ algorithms: ['gzip', 'brotliCompress'], include: /\.(js|css|svg)$/ }),
  ],
  server: { port: settings(process.env).port, strictPort: true },
  build: isSsrBuild
    ? { target: 'node22', copyPublicDir: false, rolldownOptions: { output: { codeSplitting: false } } }
    : {
        outDir: 'dist/page',
        emptyOutDir: true,
        manifest: true, // the server has a page's scripts fetched early
        assetsInlineLimit: 0, // the content security policy knows no data: URLs
        modulePreload: { polyfill: false },
        minify: 'terser', // three per cent smaller than the default
        terserOptions: { compress: { passes: 2 } },
        target: ['chrome123', 'firefox120', 'safari17.5'], // the first with light-dark()
      },
  // The server is one file: running it takes nothing but node.
  ssr: { noExternal: true },
}));
