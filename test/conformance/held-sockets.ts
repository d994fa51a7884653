import { Socket } from 'node:net'

const sockets = new Set<Socket>()
const { connect } = Socket.prototype

// Drivers make their sockets in more than one way, and not each shows on a diagnostics channel; all of them connect.
Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
  forgetClosed()
  sockets.add(this)
  return Reflect.apply(connect, this, args)
}

/** The local ports of the connections that this process holds now: made, and not let go of. */
export function heldPorts(): Set<number | undefined> {
  forgetClosed()
  // A socket that is asked for its port before it has one says ever after that it has none.
  return new Set([...sockets].filter(({ connecting }) => !connecting).map(({ localPort }) => localPort))
}

function forgetClosed(): void {
  for (const socket of sockets) if (socket.destroyed) sockets.delete(socket)
}
