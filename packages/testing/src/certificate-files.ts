import { join, relative } from 'node:path'
import type { Certificate } from './engine.ts'
import { openScratch } from './scratch.ts'

/** Where a server finds its certificate and its key, beside its data. */
export function certificateFiles(directory: string): Certificate {
  return { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') }
}

/** Writes both there, for the account that the server runs as: servers refuse a key that others can read. */
export async function writeCertificate(directory: string, tls: Certificate): Promise<void> {
  const scratch = await openScratch()
  const files = certificateFiles(directory)
  await scratch.makeFile(relative(scratch.directory, files.cert), tls.cert)
  await scratch.makeFile(relative(scratch.directory, files.key), tls.key)
}
