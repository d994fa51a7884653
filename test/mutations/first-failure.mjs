// Runs the tests of a folder until one fails, and says which, with the promise of the model that it found broken.
import { Suite } from './suite.mjs'

// The model tells its seed.
console.log = () => {}
const suite = await Suite.of(process.argv[2])
for (const test of suite.files.flatMap((file) => suite.collect(file))) {
  const { failure } = await suite.run(test)
  if (failure === undefined) continue
  const promise = /Broken: (.*)/.exec(failure)
  process.stdout.write(`${test.name}${promise === null ? '' : ` (${promise[1]})`}\n`, () => process.exit(1))
  await new Promise(() => {})
}
process.exit(0)
