import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { Matrix } from './conformance/matrix.ts'
import { LongestFirst } from './longest-first.ts'

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('..', import.meta.url)),
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Real servers boot inside tests.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', new Matrix()],
  },
})
