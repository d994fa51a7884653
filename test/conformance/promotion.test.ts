import { nameMoved } from '@periodic-flush/core'
import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('promotion', (stage) => {
  stage.test(
    'where a writable server is required, the old primary serves on until the standby that the name leads to is promoted',
    async () => {
      const { pair, promote } = await stage.standbyPair()
      const url = pair.url()
      const trigger = nameMoved({ pollMs: 20, ...stage.endpoints(url) })
      const client = stage.open({ url: () => url, options: { require: 'writable', triggers: [trigger] } })
      const refusals: unknown[] = []
      client.$flusher.on('failed', ({ reason, error }) => refusals.push([reason, error]))
      const { servedBy } = stage.subject.dialect
      await client.value('create table before_the_move (id int primary key)')
      pair.moveTo('green')
      // Tried again, again and again.
      await eventually(
        () => refusals.length,
        (count) => count >= 3,
      )
      for (const refusal of refusals) expect(refusal).toMatchObject(['name moved', { code: 'READ_ONLY' }])
      expect(await client.value(servedBy)).toBe('127.0.0.1')
      await client.value('create table before_the_promotion (id int primary key)')
      expect(await client.value(servedBy)).toBe('127.0.0.1')
      await promote()
      await eventually(
        () => client.value(servedBy),
        (address) => address === '127.0.0.2',
      )
      await client.value('create table after_the_promotion (id int primary key)')
      expect(await pair.green.query('select id from after_the_promotion')).toEqual([])
      await eventually(
        () => pair.blue.backends(),
        (backends) => backends.length === 0,
      )
    },
  )
})
