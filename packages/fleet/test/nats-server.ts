import { connect, type NatsConnection } from 'nats'
import { type Broker, installed, startBroker } from './broker.ts'

export const natsInstalled = installed('nats-server')

/** A NATS server on ports that it chooses itself. */
export class NatsServer implements AsyncDisposable {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #monitoring: string
  readonly #broker: Broker
  readonly #admin: NatsConnection

  private constructor(broker: Broker, port: number, monitoring: string, admin: NatsConnection) {
    this.#broker = broker
    this.port = port
    this.#monitoring = monitoring
    this.#admin = admin
  }

  static async start(): Promise<NatsServer> {
    const args = ['-a', '127.0.0.1', '-p', '-1', '-m', '-1']
    const broker = await startBroker('nats-server', () => args, 'Server is ready')
    const port = portIn(broker.log, 'client connections on')
    const monitoring = `http://127.0.0.1:${portIn(broker.log, 'http monitor on')}`
    return new NatsServer(broker, port, monitoring, await connect({ servers: `127.0.0.1:${port}` }))
  }

  /** What `nats pub` does. */
  async publish(subject: string, message: string): Promise<void> {
    this.#admin.publish(subject, message)
    await this.#admin.flush()
  }

  async subscribers(subject: string): Promise<number> {
    const answer = await fetch(`${this.#monitoring}/subsz?subs=1`)
    const { subscriptions_list: list = [] } = (await answer.json()) as { subscriptions_list?: { subject: string }[] }
    return list.filter((subscription) => subscription.subject === subject).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.close()
    await this.#broker[Symbol.asyncDispose]()
  }
}

/** The port that the server said it has chosen. */
function portIn(log: readonly string[], what: string): number {
  const line = log.find((said) => said.includes(what)) ?? ''
  return Number(/:(\d+)$/.exec(line)?.[1])
}
