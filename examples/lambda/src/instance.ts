import type { Context, LambdaFunctionURLEvent } from 'aws-lambda'
import { handler } from './handler.ts'

// What Lambda's own runtime does in an instance: it hands each event to the handler, and the answer back.
process.on('message', async (event: LambdaFunctionURLEvent) => {
  try {
    process.send?.(await handler(event, {} as Context, () => {}))
  } catch (error) {
    console.error(error)
    process.send?.({ statusCode: 502, body: 'Internal Server Error' })
  }
})

// Ctrl-C reaches the whole group, but an instance ends when the runner says so.
process.on('SIGINT', () => {})
