const labels: Readonly<Record<string, string>> = {
  bare: 'bare',
  'bare again': 'bare again (control)',
  queue: 'a queue alone',
  'max-lifetime': 'its own max lifetime',
  're-created': 'a new client on a timer',
  'aws-wrapper': 'AWS wrapper',
  'ours-interval': 'periodic-flush',
  'ours-triggers': 'periodic-flush, triggers',
}

/** What people call it. */
export function label(way: string, client = ''): string {
  if (way === 're-created' && client.startsWith('prisma')) return 'a new PrismaClient on a timer'
  return labels[way] ?? way
}

/** Whether it is ours. */
export function isOurs(way: string): boolean {
  return way.startsWith('ours-')
}
