import type { ServerResponse } from 'node:http'
import type { Chronicle } from '../chronicle.ts'

/** What the page is told first. */
export interface Setting {
  readonly rate: number
  readonly intervalMs: number
  /** Whether the buttons work, or a script is in charge. */
  readonly interactive: boolean
}

/** A page that does not read what it is sent is let go; its browser connects anew. */
const MOST_UNREAD = 4_000_000

/** Sends one page what was kept, then what happens, as server-sent events, until it goes. */
export function stream(response: ServerResponse, chronicle: Chronicle, setting: Setting): void {
  const send = (event: string, payload: unknown) => {
    if (response.writableLength > MOST_UNREAD) response.destroy()
    else response.write(`event: ${event}\ndata: ${JSON.stringify(payload)}\n\n`)
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write('retry: 1000\n\n')
  send('welcome', { ...setting, ...chronicle.kept })
  if (chronicle.kept.end) return void response.end()
  const gone = chronicle.listen((kind, payload) => {
    send(kind, payload)
    if (kind === 'end') response.end()
  })
  response.once('close', gone)
}
