import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Chromium is, under one of its names on the PATH. */
export const chromiumPath = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find(executable)

/** Whether to run these tests: where the machine has Chromium, and in any case where nothing may be skipped. */
export const chromiumInstalled = chromiumPath !== undefined || process.env['CI'] === 'true'

if (!chromiumInstalled) {
  console.warn('Skipped what needs a browser: Chromium is not installed (Debian and Ubuntu: apt-get install chromium)')
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
