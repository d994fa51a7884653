import { onTestFinished, vi } from 'vitest'

/** From here to the end of the test it is so much later, as after a sleep of the machine. */
export function later(ms: number): void {
  const { now } = Date
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => now() + ms)
  onTestFinished(() => spy.mockRestore())
}
