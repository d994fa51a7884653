import type { Arena, Side } from './arena.ts'
import { USER } from './engine.ts'
import type { Fault } from './plan.ts'

/** A fault that lasts, and how it ends. */
export interface Wound {
  /** Undoes it: who waited gets an answer. */
  readonly heal: () => Promise<unknown>
  /** Undoes it, and breaks the connections that it concerned; where that makes no difference, the same as `heal`. */
  readonly break?: () => Promise<unknown>
  /** Undoes it for new connections only. */
  readonly leave?: () => Promise<unknown>
}

type Strike = (arena: Arena, side: Side) => Promise<Wound | undefined>

const strikes: Readonly<Record<Fault, Strike>> = {
  async move(arena) {
    arena.moveTo(arena.other(arena.serving))
    return undefined
  },
  async freeze(_, { server }) {
    await server.freeze()
    return { heal: () => server.thaw() }
  },
  async kill(_, { server }) {
    await server.killBackends({ user: USER })
    return undefined
  },
  async crash(arena, side) {
    await arena.engine.crash(side.server)
    await arena.recovered(side)
    return undefined
  },
  async restart(arena, side) {
    await side.server.restart()
    await arena.recovered(side)
    return undefined
  },
  async refuse(_, { gate }) {
    await gate.refuse()
    await gate.reset()
    return { heal: () => gate.accept() }
  },
  async 'slow connects'(_, { gate }) {
    await gate.slow(400)
    await gate.reset()
    return { heal: () => gate.accept() }
  },
  async 'accept and never answer'(_, { gate }) {
    await gate.hang()
    await gate.reset()
    const leave = () => gate.accept()
    const heal = async () => {
      await gate.accept()
      await gate.reset()
    }
    return { heal, leave }
  },
  async 'half-open'(_, { gate }) {
    await gate.stall()
    return { heal: () => gate.resume(), break: () => gate.reset(), leave: async () => undefined }
  },
  async reset(_, { gate }) {
    await gate.reset()
    return undefined
  },
  async TLS(arena) {
    await arena.switchTls()
    return undefined
  },
  async 'wrong password'(arena) {
    await arena.changePassword('wrong')
    return { heal: () => arena.changePassword('right') }
  },
  async 'no connection left'(arena, { server }) {
    return { heal: await arena.engine.exhaust(server) }
  },
  async 'disk full'(arena) {
    arena.full = true
    return {
      heal: async () => {
        arena.full = false
      },
    }
  },
  async 'read-only'(_, { server }) {
    await server.readOnly(true)
    return { heal: () => server.readOnly(false) }
  },
  async 'look-ups fail'(arena, { gate }) {
    arena.name.fail('EAI_AGAIN')
    await gate.reset()
    return {
      heal: async () => arena.name.moveTo(arena.name.addresses),
    }
  },
  async 'look-ups hang'(arena, { gate }) {
    arena.name.hang()
    await gate.reset()
    return {
      heal: async () => arena.name.moveTo(arena.name.addresses),
    }
  },
}

/** Does it to one side; resolves once it is in force, with how to end it if it lasts. */
export function strike(fault: Fault, arena: Arena, side: Side): Promise<Wound | undefined> {
  return strikes[fault](arena, side)
}
