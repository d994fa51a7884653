import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take minutes, slowest first: begun last, one of them alone would keep all but one core idle. */
const slow = [
  'conformance/growth',
  'conformance/flush',
  'test/broken',
  'conformance/move',
  'test/tarballs',
  'demo/page',
  'security/credentials',
  'security/tls',
  'chaos/chaos',
]

const rank = ({ moduleId }: TestSpecification): number => {
  const found = slow.findIndex((name) => moduleId.includes(`${name}.test.ts`))
  return found === -1 ? slow.length : found
}

/** Runs the slow files first, and the others in the order that Vitest would choose. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
