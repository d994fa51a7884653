import type { Context, LambdaFunctionURLEvent } from 'aws-lambda'
import { handler } from './handler.ts'

/** What Lambda's own runtime does in an instance: hands each event to the handler, and its answer back. */
process.on('message', async (event: LambdaFunctionURLEvent) => {
  const answer = await handler(event, {} as Context, () => {})
  process.send?.(answer)
})
