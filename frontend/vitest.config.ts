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
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
