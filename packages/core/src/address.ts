import { isIP } from 'node:net'

/** One spelling per address: lower case, without brackets and zone, an IPv4 address not dressed as IPv6. */
export function plainAddress(address: string): string {
  const [plain = ''] = address
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .split('%')
  return plain.replace(/^::ffff:(?=\d+\.)/, '')
}

/** The address of a peer that is given as `address:port`. */
export function addressOf(peer: string): string {
  return plainAddress(peer.slice(0, peer.lastIndexOf(':')))
}

/** Whether a host is a name that can be looked up: no address, and no path of a Unix socket. */
export function isName(host: string): boolean {
  return host !== '' && !host.startsWith('/') && !host.startsWith('@') && isIP(plainAddress(host)) === 0
}

/** True unless both tell whom they are connected to and have no address in common: then they are two servers. */
export function shareServer(a: readonly string[], b: readonly string[]): boolean {
  if (a.length === 0 || b.length === 0) return true
  return a.some((peer) => b.includes(peer))
}
