/**
 * What the process may complain of, since a driver does it without us too, and why; told as narrowly as it can be.
 */
export const excuses: readonly { readonly reason: string; readonly holds: (complaint: string) => boolean }[] = [
  {
    reason:
      'postgres.js asks each new connection for the array types by a query that it awaits nowhere: if the connection is ' +
      'lost, or ended under TLS, while that runs, its rejection has nobody to handle it',
    holds: (complaint) =>
      complaint.startsWith('unhandled rejection') &&
      /read ECONNRESET|connect ECONNREFUSED|write (CONNECTION_CLOSED|EPIPE)|terminating connection/.test(complaint) &&
      complaint.includes('left join pg_catalog.pg_type b on b.oid = a.typelem'),
  },
]
