import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumInstalled, chromiumPath } from './chromium-installed.ts'
import { type RunningDemo, startDemo } from './running-demo.ts'

const artefacts = fileURLToPath(new URL('../artefacts/', import.meta.url))
const wrapped = ['prisma wrapped', 'drizzle wrapped']
const plain = ['prisma plain', 'drizzle plain']

const card = (client: string) => `[data-client="${client}"]`
const answeredBy = (side: string, clients: readonly string[]) => (page: Page) =>
  Promise.all(clients.map((client) => page.waitForSelector(`${card(client)} .answers[data-side=${side}]`)))
const pressed = (page: Page, button: string) => page.locator(button).click()
const server = (side: string, verb: string) => `.server[data-side=${side}] [data-verb=${verb}]`

describe.runIf(chromiumInstalled)('the page of the demo, in Chromium', () => {
  let demo: RunningDemo
  let browser: Browser
  /** What any page complained of, or asked of anybody else than the demo. */
  const complaints: string[] = []

  beforeAll(async () => {
    if (chromiumPath === undefined) throw new Error('Chromium is not installed, and nothing may be skipped here')
    demo = await startDemo('--page')
    browser = await chromium.launch({
      executablePath: chromiumPath,
      // A name of somebody else that leads to this machine, as after a DNS rebinding.
      args: ['--disable-gpu', '--disable-background-networking', '--host-resolver-rules=MAP rebound.example 127.0.0.1'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await demo?.[Symbol.asyncDispose]()
  })

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, ...options })
    page.on('console', (message) => void complaints.push(message.text()))
    page.on('pageerror', (error) => void complaints.push(error.message))
    page.on('request', (asked) => {
      if (!asked.url().startsWith(demo.address) && !asked.url().startsWith('data:')) complaints.push(asked.url())
    })
    await page.addInitScript({ content: watchLayout })
    await page.goto(demo.address)
    await answeredBy('blue', wrapped)(page)
    return page
  }

  test('“move the name” brings the wrapped clients to the new server, with no failed query; the plain ones stay', async () => {
    const page = await open()
    const phone = await open({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true })
    const dark = await open({ colorScheme: 'dark' })
    await pressed(page, 'text=Move the name to green')
    await answeredBy('green', wrapped)(page)
    await answeredBy('blue', plain)(page)

    for (const client of wrapped) {
      expect(await page.textContent(`${card(client)} [data-value=failed]`)).toBe('0')
      expect(await page.textContent(`${card(client)} [data-value=moved]`)).toMatch(/^\d+ ms$/)
      expect(await page.textContent(`${card(client)} [data-value=generation]`)).toMatch(/^\d+ · \d+ leases?$/)
    }
    expect(await page.textContent('#log')).toContain('The name points at green.')
    // On the second look the flushes that follow have brought over each connection.
    await page.locator(`${card('prisma wrapped')} [data-value=connections]`, { hasText: 'blue 0' }).waitFor()
    for (const [name, shown] of Object.entries({ light: page, dark, phone })) {
      expect(await layoutOf(shown), name).toEqual({ moved: [], wider: 0, charts: 4 })
      // Not before: to take all of the page, Chromium lays it out anew.
      await shown.screenshot({ path: `${artefacts}demo-page-${name}.png`, fullPage: true })
    }
    for (const shown of [page, dark, phone]) await shown.close()
  })

  test('everything is reached, and done, with the keyboard', async () => {
    await using at = await disposable(browser.newPage())
    const { page } = at
    await page.goto(demo.address)
    await page.locator('#flush:enabled').waitFor()
    const reached: string[] = []
    for (let tabs = 0; tabs < 6; tabs++) {
      await page.keyboard.press('Tab')
      reached.push(await page.locator(':focus').ariaSnapshot())
    }
    const buttons = ['Move the name to blue', 'Flush now', 'Freeze', 'Kill connections', 'Freeze', 'Kill connections']
    expect(reached).toEqual(buttons.map((name) => `- button "${name}"`))

    await page.focus('#flush')
    await page.keyboard.press('Enter')
    await page.locator('#notice', { hasText: 'on a fresh generation' }).waitFor()
  })

  test('a server can be frozen, thawed, and made to kill', async () => {
    await using at = await disposable(browser.newPage())
    const { page } = at
    await page.goto(demo.address)
    await page.locator(`${server('blue', 'freeze')}:enabled`).waitFor()
    await pressed(page, server('blue', 'freeze'))
    await page.locator('.server[data-side=blue] .state', { hasText: 'frozen' }).waitFor()
    await Promise.all(plain.map((each) => page.waitForSelector(`${card(each)} .answers:not([data-side])`)))
    await answeredBy('green', wrapped)(page)

    // A server that answers nothing does not kill either, and the page says so rather than wait.
    await pressed(page, server('blue', 'kill'))
    await page.locator('#notice', { hasText: 'did not work' }).waitFor()
    await pressed(page, server('blue', 'freeze'))
    await answeredBy('blue', plain)(page)
    await pressed(page, server('blue', 'kill'))
    await page.locator('#log', { hasText: 'Killed: blue ended the connections' }).waitFor()
  })

  test('a page of another origin can neither read nor do anything', async () => {
    const elsewhere = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('hi'))
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
    await using at = await disposable(browser.newPage())
    const { page } = at
    try {
      await page.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`)
      expect(await page.evaluate(attack, demo.address)).toEqual(['refused', 'refused', 'refused', 'refused'])
    } finally {
      elsewhere.close()
    }
    const { port } = new URL(demo.address)
    for (const path of ['', 'events']) {
      const answer = await page.goto(`http://rebound.example:${port}/${path}`)
      expect(answer?.status()).toBe(421)
    }
    expect(await page.evaluate(attack, `http://rebound.example:${port}/`)).toEqual([421, 421, 421, 'refused'])
    await page.goto(demo.address)
    await page.locator('#points', { hasText: 'green' }).waitFor()
    expect(await page.textContent('#log')).not.toContain('The name points at blue')
  })

  test('nothing that is sent to a page has a credential in it', async () => {
    const answer = await fetch(`${demo.address}events`)
    let text = ''
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      if (text.includes('event: sample')) break
    }
    expect(text).toContain('"kind":"swap"')
    expect(text).not.toMatch(/postgres(ql)?:\/\/|password|@db\.|:postgres/i)
  })

  test('no page complained, or asked anybody else for anything', () => {
    expect(complaints).toEqual([])
  })

  test('Ctrl-C ends it', async () => {
    demo.interrupt()
    expect(await demo.ended).toBe(0)
  })
})

test('without --page the script is in charge, and the page is told how it ended', async () => {
  await using demo = await startDemo('--seconds', '8')
  const origin = demo.address.slice(0, -1)
  const answer = await fetch(`${demo.address}events`)
  let told = ''
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const before = told.includes('event: sample')
    told += chunk
    // There is something to act upon, so that it is the script which stands in the way.
    if (before || !told.includes('event: sample')) continue
    const refused = await fetch(`${demo.address}actions/move/green`, {
      method: 'POST',
      headers: { origin, 'x-demo-action': 'yes' },
    })
    expect(refused.status).toBe(409)
  }
  const [, passed] = /event: end\ndata: \{"passed":(true|false)\}/.exec(told) ?? []
  expect(await demo.ended).toBe(passed === 'true' ? 0 : 1)
  expect(told).toContain('"interactive":false')
  for (const kind of ['move', 'freeze', 'swap', 'retired']) expect(told).toContain(`"kind":"${kind}"`)
  const [first] = demo.output().trim().split('\n')
  expect(first).toBe(`watch it at ${demo.address}`)
  expect(demo.output()).toContain('peak connections')
})

async function disposable(opening: Promise<Page>): Promise<AsyncDisposable & { page: Page }> {
  const page = await opening
  return { page, [Symbol.asyncDispose]: () => page.close() }
}

/** Runs in the page, before anything else: notes what moves, by itself or after a click. */
const watchLayout = `
  globalThis.moved = []
  new PerformanceObserver((list) => {
    for (const { sources } of list.getEntries()) {
      globalThis.moved.push(...sources.map(({ node }) => (node?.parentElement ?? node)?.className + ': ' + node?.textContent.trim().slice(0, 80)))
    }
  }).observe({ type: 'layout-shift', buffered: true })`

async function layoutOf(page: Page) {
  return {
    moved: await page.evaluate<string[]>('globalThis.moved'),
    wider: (await page.evaluate<number>('document.documentElement.scrollWidth')) - (page.viewportSize()?.width ?? 0),
    charts: await page.locator('canvas:visible').count(),
  }
}

/** Runs in a page of somebody else: with the header, as a form would, the events, and a frame. */
async function attack(address: string) {
  const move = `${address}actions/move/blue`
  const outcome = (asked: Promise<Response>) =>
    asked.then(
      ({ type, status }) => (type === 'opaque' ? type : status),
      () => 'refused',
    )
  return [
    await outcome(fetch(move, { method: 'POST', headers: { 'x-demo-action': 'yes' } })),
    await outcome(fetch(move, { method: 'POST', mode: 'no-cors', body: 'a=b' })),
    await outcome(fetch(`${address}events`)),
    await new Promise((resolve) => {
      const events = new EventSource(`${address}events`)
      events.onopen = () => resolve('open')
      events.onerror = () => resolve('refused')
    }),
  ]
}
