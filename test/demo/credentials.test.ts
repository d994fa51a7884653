import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { failoverPair } from '@periodic-flush/testing'
import { expect, test } from 'vitest'
import { Chronicle } from '../../examples/failover/src/chronicle.ts'
import { contenders, createTable } from '../../examples/failover/src/contenders.ts'
import { PageServer } from '../../examples/failover/src/page/server.ts'
import { Stage } from '../../examples/failover/src/stage.ts'
import { eventually } from '../conformance/eventually.ts'
import { Heard } from '../security/heard.ts'

const PASSWORD = `S3cr-"@:/?#'t`
const WRONG = `Wr0ng-"@:/?#'t`

test('no event of the page, no answer to its buttons and no line on the terminal holds a password', async () => {
  await using pair = await failoverPair()
  await pair.query(createTable)
  await pair.query(`create role visitor login password '${PASSWORD.replaceAll("'", "''")}'`)
  await pair.query('grant all on all tables in schema public to visitor')
  await pair.query('grant all on all sequences in schema public to visitor')
  let password = PASSWORD
  const url = (applicationName: string) => {
    const asVisitor = new URL(pair.url({ applicationName }))
    asVisitor.username = 'visitor'
    asVisitor.password = encodeURIComponent(password)
    return asVisitor.href
  }
  expect(decodeURIComponent(new URL(url('x')).password)).toBe(PASSWORD)
  using heard = new Heard()
  const chronicle = new Chronicle()
  const stage = new Stage(pair, contenders({ url, intervalMs: 400, deadlineMs: 400 }), 20, chronicle)
  const page = await PageServer.open({
    chronicle,
    setting: { rate: 20, intervalMs: 400, interactive: true },
    port: 0,
    controls: () => stage,
  })
  const origin = page.address.slice(0, -1)
  let told = ''
  get(`${origin}/events`, { agent: false }, (stream) => {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      told += chunk
    })
  }).on('error', () => {})
  const press = async (action: string) => {
    const headers = { origin, 'x-demo-action': 'yes' }
    const pressing = request(`${origin}/actions/${action}`, { method: 'POST', headers, agent: false }).end()
    const [answer]: IncomingMessage[] = await once(pressing, 'response')
    if (answer === undefined) throw new Error('Expected an answer')
    const said = `${answer.statusCode} ${await text(answer)}`
    heard.note(said)
    return said
  }
  const has = (what: string) =>
    eventually(
      () => told,
      (all) => all.includes(what),
    )

  await has('"answered":{"blue":1')
  expect(await press('flush')).toBe('200 done')
  expect(await press('kill/blue')).toBe('200 done')
  expect(await press('move/green')).toBe('200 done')
  await has('"kind":"swap"')
  password = WRONG
  expect(await press('flush')).toBe('409 It did not work: the terminal says why')
  await has('"kind":"failed"')
  password = PASSWORD
  await page.close()
  await stage.close()
  heard.note(told)
  heard.note(chronicle.kept)
  expect(heard.find(PASSWORD, WRONG)).toEqual([])
  for (const mark of ['S3cr', 'Wr0ng', 'visitor:', 'postgres://']) expect(told).not.toContain(mark)
})
