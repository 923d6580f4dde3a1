import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/components.ts'],
    include: ['{src,commands,projections,test}/**/*.test.ts'],
    // Integration tests start servers, kill processes and wait for disks: slow machines need room, hung tests an end.
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
});
