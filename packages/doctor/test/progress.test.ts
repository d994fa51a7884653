import { expect, test } from 'vitest'
import { Progress } from '../src/progress.ts'

function written(isTTY: boolean): string {
  let text = ''
  const progress = new Progress({ isTTY, write: (more) => (text += more) })
  for (const step of ['connecting', 'looking up: 1/2', 'looking up: 2/2', 'asking']) progress.step(step)
  progress.end()
  return text
}

test('on a terminal it is one line, empty at the end', () => {
  const steps = ['connecting…', 'looking up: 1/2…', 'looking up: 2/2…', 'asking…', '']
  expect(written(true)).toBe(steps.map((step) => `\r\u001B[K${step}`).join(''))
})

test('elsewhere it is a line for each kind of step', () => {
  expect(written(false)).toBe('connecting…\nlooking up…\nasking…\n')
})
