import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of two migrations, as drizzle-kit writes them; the last of their statements may be given. */
export async function folderOfMigrations(
  version: '0.45' | '1.0',
  last = 'insert into migrated values (2)',
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'))
  const texts = [
    'create table migrated (id int)',
    `insert into migrated values (1);\n--> statement-breakpoint\n${last}`,
  ]
  const tags = ['20240102030405_first', '20240102030406_second']
  for (const [index, tag] of tags.entries()) {
    if (version === '1.0') await mkdir(join(folder, tag))
    const path = version === '1.0' ? join(folder, tag, 'migration.sql') : join(folder, `${tag}.sql`)
    await writeFile(path, texts[index] ?? '')
  }
  if (version === '1.0') return folder
  const entries = tags.map((tag, idx) => ({ idx, version: '7', when: 1_704_164_645_000 + idx, tag, breakpoints: true }))
  await mkdir(join(folder, 'meta'))
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', entries }))
  return folder
}
