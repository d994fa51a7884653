import type { Trigger, Watched } from '@periodic-flush/core'
import type { Bus } from './bus.ts'
import { type Command, parsedCommand } from './command.ts'
import { Member } from './member.ts'
import { Subscription } from './subscription.ts'

const request = { reason: 'fleet command' } as const

/**
 * Flushes its clients when a command arrives on a bus, each after a random part of `spreadMs`.
 *
 * All clients that are given the same trigger share one subscription, which lasts from the first start to the last
 * stop. A message that is no command flushes nobody; like a subscription that fails, it is told to every client, but at
 * most once a second.
 */
export class FleetTrigger implements Trigger {
  readonly name: string
  readonly #spreadMs: number
  readonly #members = new Set<Member>()
  readonly #subscription: Subscription

  constructor(bus: Bus, spreadMs: number) {
    this.name = bus.name
    this.#spreadMs = spreadMs
    this.#subscription = new Subscription(bus, {
      message: (text) => this.#received(text),
      lost: (error) => this.#failed(error),
    })
  }

  start(watched: Watched): () => void {
    const member = new Member(watched, this.#spreadMs)
    this.#members.add(member)
    this.#subscription.want(watched)
    return () => {
      member.stop()
      if (this.#members.delete(member) && this.#members.size === 0) this.#subscription.drop()
    }
  }

  #received(text: unknown): void {
    let command: Command
    try {
      command = parsedCommand(text)
    } catch (error) {
      for (const member of this.#members) member.refuse(error)
      return
    }
    for (const member of this.#members) member.obey(command, request)
  }

  #failed(error: unknown): void {
    for (const member of this.#members) member.failed(error)
  }
}
