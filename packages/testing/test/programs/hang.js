// Connects to a name whose look-ups hang, and has nothing else to do.
import { lookup } from 'node:dns'
import { connect } from 'node:net'
import { movableName } from '@periodic-flush/testing'

const name = movableName('hangs.periodic-flush.test', '127.0.0.1')
name.hang()
connect(5432, name.name)
lookup(name.name, () => undefined)
process.stdout.write(`${name.lookups} look-ups hang\n`)
