import { expect, test } from 'vitest'
import { Fence } from '../src/fence.ts'
import type { Listening } from '../src/listening.ts'

/** A connection that tells what it is asked to do. */
function connection(name: string, told: string[], sent: string[]): Listening {
  return {
    silence: () => told.push(`${name} is silent`),
    hold: () => told.push(`${name} holds`),
    notify: async (payload: string) => sent.push(payload),
  } as unknown as Listening
}

test('a notification of an earlier fence, which comes late, parts nothing', async () => {
  const [told, sent]: [string[], string[]] = [[], []]
  const [old, fresh] = [connection('the old one', told, sent), connection('the fresh one', told, sent)]
  await new Fence(old, fresh).send()
  const fence = new Fence(old, fresh)
  await fence.send()
  const [earlier = '', own = ''] = sent
  fence.reached(old, earlier)
  fence.reached(fresh, earlier)
  expect(told).toEqual([])
  fence.reached(fresh, own)
  fence.reached(old, own)
  expect(told).toEqual(['the fresh one holds', 'the old one is silent'])
  await fence.passed
})
