import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'

/** A Unix socket that leads to a server. */
export interface UnixSocket extends AsyncDisposable {
  readonly directory: string
  readonly path: string
}

/** Opens a Unix socket of that name, in a new directory, in front of a server; it ends with what it relays. */
export async function unixSocket(
  target: { readonly host: string; readonly port: number },
  name: string,
): Promise<UnixSocket> {
  const directory = await mkdtemp(join(tmpdir(), 'unix-'))
  const path = join(directory, name)
  const open = new Set<Socket>()
  const relay = createServer((from) => {
    const to = connect(target.port, target.host)
    open.add(from)
    from.once('close', () => open.delete(from))
    // Either end's end, also by an error, is the other's.
    pipeline(from, to, from, () => {})
  })
  await new Promise<void>((resolve) => relay.listen(path, resolve))
  return {
    directory,
    path,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => relay.close(resolve))
      await rm(directory, { recursive: true })
    },
  }
}
