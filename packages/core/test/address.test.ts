import { expect, test } from 'vitest'
import { addressOf, isName, plainAddress } from '../src/address.ts'

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['FE80::1%eth0', 'fe80::1'],
  ['[::1]', '::1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::ffff:a00:1', '::ffff:a00:1'],
  ['64:ff9b::ffff:10.0.0.1', '64:ff9b::ffff:10.0.0.1'],
])('%s is written %s', (given, plain) => {
  expect(plainAddress(given)).toBe(plain)
})

test.each([
  ['10.0.0.1:5432', '10.0.0.1'],
  ['::1:5432', '::1'],
  ['[::1]:5432', '::1'],
])('the address of the peer %s is %s', (peer, address) => {
  expect(addressOf(peer)).toBe(address)
})

test.each([
  ['db.example.com', true],
  ['', false],
  ['/run/postgresql', false],
  ['@abstract', false],
  ['10.0.0.1', false],
  ['[::1]', false],
])('whether %s is a name: %s', (host, name) => {
  expect(isName(host)).toBe(name)
})
