import { expect } from 'vitest'
import { behaviour } from './behaviour.ts'
import { eventually } from './eventually.ts'

behaviour('promotion', (stage) => {
  stage.test(
    'where a writable server is required, the old primary serves on until the standby that the name leads to is promoted',
    async () => {
      const { pair, promote } = await stage.standbyPair()
      const url = pair.url()
      const client = stage.open({ url: () => url, options: { require: 'writable' } })
      const { servedBy } = stage.subject.dialect
      await client.value('create table before_the_move (id int primary key)')
      pair.moveTo('green')
      await expect(client.$flush()).rejects.toMatchObject({ code: 'READ_ONLY' })
      expect(await client.value(servedBy)).toBe('127.0.0.1')
      await client.value('create table before_the_promotion (id int primary key)')
      await eventually(
        () => pair.green.backends(),
        (backends) => backends.length === 0,
      )
      await promote()
      await expect(client.$flush()).resolves.toMatchObject({ drained: true })
      expect(await client.value(servedBy)).toBe('127.0.0.2')
      await client.value('create table after_the_promotion (id int primary key)')
      expect(await pair.green.query('select id from after_the_promotion')).toEqual([])
      await eventually(
        () => pair.blue.backends(),
        (backends) => backends.length === 0,
      )
    },
  )
})
