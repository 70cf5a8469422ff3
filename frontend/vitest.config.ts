// Two kinds of tests: of the logic, beside the code; and of the page, in a real browser on the real system.
import { defineConfig } from 'vitest/config';
import { define } from './contract-rules.ts';

export default defineConfig({
  test: {
    projects: [
      { define, test: { name: 'unit', include: ['{src,server}/**/*.test.ts'] } },
      {
        test: {
          name: 'browser',
          include: ['e2e/**/*.test.ts'],
          globalSetup: 'e2e/stack.ts',
          fileParallelism: false,
          // Only for what hangs: each test waits for facts, and a busy machine takes its time.
          testTimeout: 300_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
