// A collector that takes OTLP over HTTP in protobuf and keeps the spans.
import http from 'node:http';

// Reads the fields of a protobuf message: [{number, value}]; a length-delimited value is a Buffer, a fixed one too.
function fields(bytes) {
  const all = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length) => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >> 3;
    const value = { 0: varint, 1: () => take(8), 2: () => take(Number(varint())), 5: () => take(4) }[key & 7]();
    all.push({ number, value });
  }
  return all;
}
const each = (bytes, number) => fields(bytes).filter((field) => field.number === number).map(({ value }) => value);
const text = (bytes, number) => each(bytes, number)[0]?.toString() ?? '';

// opentelemetry.proto.common.v1.KeyValue, whose value is a text or a whole number here.
function attributes(bytes, number) {
  return Object.fromEntries(each(bytes, number).map((pair) => {
    const value = each(pair, 2)[0];
    const [{ number: kind, value: held }] = fields(value);
    return [text(pair, 1), kind === 1 ? held.toString() : Number(held)];
  }));
}

// opentelemetry.proto.trace.v1.Span
function span(bytes, resource) {
  const nanoseconds = (number) => each(bytes, number)[0].readBigUInt64LE();
  return {
    traceId: each(bytes, 1)[0].toString('hex'),
    spanId: each(bytes, 2)[0].toString('hex'),
    parentSpanId: each(bytes, 4)[0]?.toString('hex') ?? '',
    name: text(bytes, 5),
    kind: Number(each(bytes, 6)[0]),
    began: nanoseconds(7),
    ended: nanoseconds(8),
    attributes: attributes(bytes, 9),
    failed: each(bytes, 15).some((status) => Number(each(status, 3)[0] ?? 0n) === 2),
    resource,
  };
}

export class Collector {
  static async start() {
    const collector = new Collector();
    collector.spans = [];
    collector.bodies = [];
    collector.server = http.createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        const body = Buffer.concat(chunks);
        collector.bodies.push(body);
        for (const ofResource of each(body, 1)) {
          const resource = attributes(each(ofResource, 1)[0], 1);
          for (const ofScope of each(ofResource, 2)) {
            for (const one of each(ofScope, 2)) collector.spans.push(span(one, resource));
          }
        }
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await new Promise((resolve) => { collector.server.listen(0, '127.0.0.1', resolve); });
    collector.endpoint = `http://127.0.0.1:${collector.server.address().port}/v1/traces`;
    return collector;
  }

  of(traceId) { return this.spans.filter((one) => one.traceId === traceId); }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
