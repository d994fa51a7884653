// Loaded into an example's process before its own code: a name that the test can move.
import { movableName } from '@periodic-flush/testing'

const name = movableName(process.env['MOVING_NAME'], process.env['MOVING_ADDRESS'])
process.on('message', (address) => name.moveTo(address))
// The example has to end by itself, whoever could still send a message.
process.channel.unref()
