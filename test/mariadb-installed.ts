import { mariadbAvailable } from '@periodic-flush/testing'

/** Whether to run these tests: where the machine has MariaDB, and in any case where nothing may be skipped. */
export const mariadbInstalled = mariadbAvailable() || process.env['CI'] === 'true'

if (!mariadbInstalled) {
  console.warn('Skipped what needs MariaDB, which is not installed (Debian and Ubuntu: apt-get install mariadb-server)')
}
