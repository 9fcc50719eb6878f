// One process of an instrumented application: emits --spans spans in one trace, a
// counter, a histogram and --logs log records through the real OpenTelemetry SDK, then
// flushes. Prints {"trace_id": …} once everything was accepted; exit status 1 otherwise.
//
//   node client.js --protocol grpc|http --endpoint http://127.0.0.1:4317 --name shop [--spans 2] [--logs 1]
'use strict';
const { parseArgs } = require('node:util');
const api = require('@opentelemetry/api');
const { logs, SeverityNumber } = require('@opentelemetry/api-logs');
const sdk = require('@opentelemetry/sdk-node');

const { values: args } = parseArgs({
  options: {
    protocol: { type: 'string', default: 'grpc' },
    endpoint: { type: 'string' },
    name: { type: 'string', default: 'e2e' },
    spans: { type: 'string', default: '2' },
    logs: { type: 'string', default: '1' },
  },
});

function exporters() {
  if (args.protocol === 'grpc') {
    const options = { url: args.endpoint };
    return {
      traces: new (require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter)(options),
      metrics: new (require('@opentelemetry/exporter-metrics-otlp-grpc').OTLPMetricExporter)(options),
      logs: new (require('@opentelemetry/exporter-logs-otlp-grpc').OTLPLogExporter)(options),
    };
  }
  const at = (path) => ({ url: `${args.endpoint}/v1/${path}` });
  return {
    traces: new (require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter)(at('traces')),
    metrics: new (require('@opentelemetry/exporter-metrics-otlp-proto').OTLPMetricExporter)(at('metrics')),
    logs: new (require('@opentelemetry/exporter-logs-otlp-proto').OTLPLogExporter)(at('logs')),
  };
}

// An export that fails is reported here only; the SDK's flush does not say so.
let failures = 0;
api.diag.setLogger(
  { error: (...m) => { failures++; console.error(...m); }, warn: console.error, info() {}, debug() {}, verbose() {} },
  api.DiagLogLevel.WARN);

async function main() {
  const to = exporters();
  const reader = new sdk.metrics.PeriodicExportingMetricReader({ exporter: to.metrics, exportIntervalMillis: 3_600_000 });
  const node = new sdk.NodeSDK({
    serviceName: args.name,
    spanProcessors: [new sdk.tracing.BatchSpanProcessor(to.traces)],
    metricReaders: [reader],
    logRecordProcessors: [new sdk.logs.BatchLogRecordProcessor({ exporter: to.logs })],
    autoDetectResources: false,
    instrumentations: [],
  });
  node.start();
  const tracer = api.trace.getTracer('e2e', '1.0.0');
  const meter = api.metrics.getMeter('e2e', '1.0.0');
  const logger = logs.getLogger('e2e', '1.0.0');
  const counter = meter.createCounter('e2e.requests', { unit: '{request}', description: 'Requests made.' });
  const duration = meter.createHistogram('e2e.request.duration', { unit: 's', description: 'Their time.' });

  let traceId;
  tracer.startActiveSpan('GET /order', { kind: api.SpanKind.SERVER, attributes: { 'http.route': '/order', 'n.int': 42 } }, (root) => {
    traceId = root.spanContext().traceId;
    for (let i = 1; i < Number(args.spans); i++) {
      tracer.startActiveSpan(`SELECT orders ${i}`, { kind: api.SpanKind.CLIENT }, (span) => {
        span.addEvent('row', { i });
        if (i === 1) span.setStatus({ code: api.SpanStatusCode.ERROR, message: 'no rows' });
        span.end();
      });
    }
    for (let i = 0; i < Number(args.logs); i++) {
      logger.emit({ severityNumber: SeverityNumber.INFO, severityText: 'INFO', body: `order ${i} of ${args.name}`, attributes: { i } });
    }
    root.end();
  });
  counter.add(7, { route: '/order' });
  duration.record(0.25, { route: '/order' });
  await node.shutdown();
  if (failures) process.exit(1);
  console.log(JSON.stringify({ trace_id: traceId }));
}

main().catch((error) => { console.error(error); process.exit(1); });
