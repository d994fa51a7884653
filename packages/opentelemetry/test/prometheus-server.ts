import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Broker, installed, startBroker } from '../../fleet/test/broker.ts'

export const prometheusInstalled = installed('prometheus')

/** One series of an answer: its labels and its value now. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** An alert that is pending or firing. */
export interface ActiveAlert {
  readonly state: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** A Prometheus that asks one exporter ten times a second, on a port that it chooses itself. */
export class PrometheusServer implements AsyncDisposable {
  readonly #broker: Broker
  readonly #url: string

  private constructor(broker: Broker, url: string) {
    this.#broker = broker
    this.#url = url
  }

  static async start(exporter: string, rules: string): Promise<PrometheusServer> {
    const configure = (directory: string): string[] => {
      const settings = join(directory, 'prometheus.json')
      writeFileSync(join(directory, 'rules.yml'), rules)
      // JSON is YAML.
      const config = {
        global: { scrape_interval: '100ms', scrape_timeout: '100ms', evaluation_interval: '100ms' },
        rule_files: ['rules.yml'],
        scrape_configs: [{ job_name: 'shop', static_configs: [{ targets: [exporter] }] }],
      }
      writeFileSync(settings, JSON.stringify(config))
      return [
        `--config.file=${settings}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
      ]
    }
    const broker = await startBroker('prometheus', configure, 'Server is ready to receive web requests')
    const line = broker.log.find((said) => said.includes('"Listening on"')) ?? ''
    return new PrometheusServer(broker, `http://127.0.0.1:${/address=\S+:(\d+)/.exec(line)?.[1]}`)
  }

  /** What a query gives now. */
  async query(expression: string): Promise<readonly Series[]> {
    const { result } = await this.#get<{ result: Series[] }>(`query?${new URLSearchParams({ query: expression })}`)
    return result
  }

  /** The values of a label that a metric has. */
  async labelValues(metric: string, label: string): Promise<readonly string[]> {
    return this.#get(`label/${label}/values?${new URLSearchParams({ 'match[]': metric })}`)
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get<{ alerts: ActiveAlert[] }>('alerts')).alerts
  }

  async #get<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${this.#url}/api/v1/${path}`)).json()) as { data: T; error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker[Symbol.asyncDispose]()
  }
}
