import { expect, test } from 'vitest'
import { printable, printableData } from '../src/printable.ts'

test.each([
  ['an escape sequence', 'a\u001B[2J\u001B[31mb', 'a\uFFFD[2J\uFFFD[31mb'],
  ['one in a single character', 'a\u009B31mb', 'a\uFFFD31mb'],
  ['a link or a title', 'a\u001B]0;b\u0007', 'a\uFFFD]0;b\uFFFD'],
  ['a line that is forged', 'refused\r\n\nYou do not need this', 'refused You do not need this'],
  ['other ends of lines', 'a\u2028b\u2029c\u0085d', 'a b c\uFFFDd'],
  ['a word that is turned', 'a\u202Eb\u2066c\u200Fd', 'a\uFFFDb\uFFFDc\uFFFDd'],
  ['what has no width', 'a\u200Bb\u00ADc', 'a\uFFFDb\uFFFDc'],
  ['nothing odd', 'Zugriff verweigert für „漢“ 😀', 'Zugriff verweigert für „漢“ 😀'],
])('%s', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
})

test('no character comes through that is not seen, and no text is long', () => {
  for (let first = 0; first <= 0x10ffff; first += 0x100) {
    const all = String.fromCodePoint(...Array.from({ length: 0x100 }, (_, index) => first + index))
    const shown = printable(all)
    expect(shown).toMatch(/^[^\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]*$/u)
    expect(printable(all.repeat(20)).length).toBeLessThanOrEqual(501)
  }
})

test('all texts of plain data are, and nothing else', () => {
  expect(printableData({ a: 'x\u0007', b: [{ c: 'y\n' }, 1, true, null], d: undefined })).toEqual({
    a: 'x\uFFFD',
    b: [{ c: 'y ' }, 1, true, null],
    d: undefined,
  })
})
