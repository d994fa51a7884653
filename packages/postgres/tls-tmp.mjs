import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
const { startPostgres } = await import('/work/main/packages/testing/dist/index.js')
const require = createRequire('/work/main/packages/postgres/package.json')
const postgres = (await import('/work/main/packages/postgres/node_modules/postgres/src/index.js')).default
const { generate } = require('selfsigned')
const { withPeriodicFlush } = await import('/work/main/packages/postgres/dist/index.js')
const log = []
const emit = EventEmitter.prototype.emit
EventEmitter.prototype.emit = function (ev, ...a) {
  if (ev === 'error' && this.listenerCount('error') === 0) {
    console.log('UNHANDLED', this.constructor.name, a[0]?.message, this.destroyed, 'events', this.__ev, new Error().stack.split('\n').slice(2, 8).join('|'), this.__trail?.join('\n  '))
    return true
  }
  return emit.call(this, ev, ...a)
}
const net = require('node:net')
let lid = 0
for (const m of ['destroy', 'end', 'connect']) { const o = net.Socket.prototype[m]; net.Socket.prototype[m] = function (...a) { (this.__t ??= []).push(m + ':' + Date.now() % 100000 + ' ' + new Error().stack.split('\n').slice(2, 5).map((l) => l.replace(/.*\/(.*)/, '$1')).join('|')); return o.apply(this, a) } }
const tls = require('node:tls')
const RA = EventEmitter.prototype.removeAllListeners
tls.TLSSocket.prototype.removeAllListeners = function (...a) {
  this.__trail = [...(this.__trail ?? []), 'removeAll destroyed=' + this.destroyed + ' ' + new Error().stack.split('\n').slice(2, 9).join('|')]
  return RA.apply(this, a)
}
process.on('uncaughtException', (e) => console.log('UNCAUGHT', e.stack))
const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], { extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }] })
const server = await startPostgres()
for (const [name, content] of Object.entries({ 'server.crt': cert, 'server.key': key })) {
  await server.query(`copy (select '${Buffer.from(content).toString('base64')}') to program 'umask 077; base64 -d > ${name}'`)
}
await server.query("alter system set ssl = 'on'"); await server.query('select pg_reload_conf()')
await new Promise(r => setTimeout(r, 500))
const wait = async (f, what) => { const end = Date.now() + 10000; for (;;) { if (await f()) return; if (Date.now() > end) { console.log('LATE', what); return }; await new Promise(r => setTimeout(r, 5)) } }
async function once(n) {
  const ssl = n % 2 ? 'require' : { ca: cert, servername: 'localhost' }
  const sql = withPeriodicFlush(() => postgres(server.url(), { max: 3, ssl, onnotice() {} }), { intervalMs: false })
  const heard = []
  await sql.listen('news', (p) => heard.push(p))
  const pids = () => Promise.all([1, 2, 3].map(() => sql`select pg_backend_pid() as pid, pg_sleep(0.05)`))
  await pids()
  const before = (await server.backends()).map(({ pid }) => pid)
  const r = await sql.$flush()
  if (r.warmed !== 3) console.log('warmed', r.warmed)
  await wait(async () => !(await server.backends()).some(({ pid }) => before.includes(pid)), 'old backends')
  { const left = (await server.backends()).filter(({ pid }) => before.includes(pid)); if (left.length) { console.log('LEFT', n, JSON.stringify(left), JSON.stringify(sql.$flusher.stats()), 'report', JSON.stringify(r), before);
    for (const h of process._getActiveHandles()) if (h instanceof require('node:net').Socket && h.localPort) console.log('HANDLE', h.constructor.name, h.localPort, h.remotePort, 'destroyed', h.destroyed, 'conn', h.connecting, 'wEnded', h.writableEnded, 'close:', h.listenerCount('close'), 'data:', h.listenerCount('data'), 'T', h.__trail?.length, h.__t)
    const { execSync } = require('node:child_process'); console.log(execSync(`grep -h -i ":$(printf %04X ${new URL(server.url()).port})" /proc/net/tcp | awk '{print $2,$3,$4}'; ls -l /proc/${process.pid}/fd | grep socket | wc -l`).toString()) } }
  await sql.notify('news', 'hello')
  await wait(() => heard.length, 'news')
  await sql.begin(async (tx) => { await sql.$flush({ wait: 'swapped' }); await tx`select 1` })
  const running = sql`select pg_sleep(60)`.execute(); running.catch((e) => e.code === 'CUT' || console.log('RUN', e.code))
  await wait(async () => (await server.backends()).some(({ query, state }) => state === 'active' && /60/.test(query)), 'active')
  await sql.$flush({ deadlineMs: 0, onDeadline: 'cut' })
  await sql`select 1`
  const cancelled = sql`select pg_sleep(61)`.execute(); cancelled.catch(() => {})
  await wait(async () => (await server.backends()).some(({ query, state }) => state === 'active' && /61/.test(query)), 'active61')
  cancelled.cancel()
  await cancelled.catch((e) => e.code === '57014' || console.log('CANCEL', e.code))
  await sql.end()
  await server.killBackends()
}
const t = Date.now(); let n = 0
while (Date.now() - t < 240000) { try { await once(n++) } catch (e) { console.log('FAIL', e) } }
console.log('runs', n)
await server.stop(); process.exit(0)
