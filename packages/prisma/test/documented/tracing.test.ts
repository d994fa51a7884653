import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { PrismaInstrumentation } from '@prisma/instrumentation'
import { traceContext } from '@prisma/sqlcommenter-trace-context'
import { describe, expect, test } from 'vitest'
import { alike, type Client, engines, stage } from './stage.ts'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
trace.setGlobalTracerProvider(provider)
const instrumentation = new PrismaInstrumentation()
instrumentation.setTracerProvider(provider)
instrumentation.enable()

/** The spans as a tree of names and attributes; each in the order in which it began. */
function tree(spans: readonly ReadableSpan[], parent?: string): unknown[] {
  return spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .map((span) => [span.name, Object.entries(span.attributes).sort(), tree(spans, span.spanContext().spanId)])
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
}

async function spansOf(work: () => Promise<unknown>): Promise<unknown> {
  exporter.reset()
  await trace.getTracer('test').startActiveSpan('test', (span) => work().finally(() => span.end()))
  return JSON.parse(
    JSON.stringify(tree(exporter.getFinishedSpans())).replaceAll(/traceparent='[^']+'/g, "traceparent='…'"),
  )
}

describe.each(engines)('tracing of $name', (engine) => {
  const on = stage(engine)

  test('spans and the traceparent in comments are as natively, and a flush adds none', async () => {
    const work = async (prisma: Client, flush: () => Promise<unknown>) => {
      await prisma.$connect()
      return spansOf(async () => {
        await prisma.user.findMany({ include: { posts: true } })
        await flush()
        await Promise.all([prisma.user.count(), prisma.post.count(), prisma.profile.count(), prisma.category.count()])
        await prisma.$transaction(async (tx) => {
          await tx.user.update({ where: { id: 1 }, data: { name: 'A' } })
          await flush()
          await tx.user.count()
        })
      })
    }
    const seen = JSON.stringify(await alike(on, work, { settings: { comments: [traceContext()] } }))
    for (const name of [
      'prisma:client:operation',
      'prisma:client:transaction',
      'prisma:client:db_query',
      'traceparent',
    ]) {
      expect(seen).toContain(name)
    }
  })
})
