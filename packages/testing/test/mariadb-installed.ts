import { mariadbAvailable } from '../src/index.ts'

/** Whether to run the tests that need MariaDB: where the machine has it, and in any case where nothing may be skipped. */
export const mariadbInstalled = mariadbAvailable() || process.env['CI'] === 'true'

if (!mariadbInstalled) {
  console.warn('Skipped what needs MariaDB, which is not installed (Debian and Ubuntu: apt-get install mariadb-server)')
}
