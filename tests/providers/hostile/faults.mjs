// Sends an answer, in one of the ways in which HTTP answers go wrong.
//
// An answer is {status, headers, body} and at most one of these:
//   hang: true           nothing is sent, the connection stays open
//   reset: true          the connection is closed with nothing sent
//   raw: text            these bytes and nothing else go over the connection, which is then closed
//   drip: {text, ms}     the same, one byte every `ms`
//   cut: {bytes, reset}  the answer as it is, of which so many bytes arrive before the connection is
//                        closed, or reset
//   flood: {head, unit, count}   `head`, then `unit` over and over, as fast as they are taken
//   leftOver: {bytes, delayMs}   the answer as it is, and these bytes after it on the same connection
// and, before any of it, `delayMs`, or `when`: a promise to wait for.
const watched = new WeakSet(); // sockets whose errors are expected
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms).unref(); });

async function drip(socket, { text, ms }) {
  for (const byte of Buffer.from(text)) {
    if (socket.destroyed) return;
    socket.write(Buffer.of(byte));
    await pause(ms);
  }
  socket.end();
}

async function flood(socket, { head, unit, count }) {
  const block = Buffer.from(unit);
  socket.write(head);
  for (let i = 0; i < count && !socket.destroyed; ++i) {
    if (!socket.write(block)) {
      await new Promise((resolve) => { socket.once('drain', resolve).once('close', resolve); });
    }
  }
  socket.end();
}

// The answer as it goes over the wire.
export function wireBytes({ status, headers, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const content = Buffer.from(body);
  const head = `HTTP/1.1 ${status} OK\r\n${lines.join('')}content-length: ${content.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}

function cut(socket, answer) {
  const { bytes, reset } = answer.cut;
  const part = wireBytes(answer).subarray(0, bytes);
  if (reset) socket.write(part, () => socket.resetAndDestroy());
  else socket.end(part);
}

export async function deliver(response, answer) {
  const { socket } = response;
  if (!socket) return; // the client is gone already
  if (!watched.has(socket)) socket.on('error', () => {}); // a client that hangs up on a fault is doing right
  watched.add(socket);
  if (answer.delayMs) await pause(answer.delayMs);
  await answer.when;
  if (answer.hang) return;
  if (answer.reset) {
    socket.resetAndDestroy();
  } else if (answer.raw !== undefined) {
    socket.end(answer.raw);
  } else if (answer.cut) {
    cut(socket, answer);
  } else if (answer.drip) {
    await drip(socket, answer.drip);
  } else if (answer.flood) {
    await flood(socket, answer.flood);
  } else {
    const { leftOver } = answer;
    const length = leftOver && { 'content-length': Buffer.byteLength(answer.body) };
    response.writeHead(answer.status, { ...answer.headers, ...length });
    response.end(answer.body);
    if (leftOver?.delayMs) await pause(leftOver.delayMs);
    if (leftOver && !socket.destroyed) socket.write(leftOver.bytes);
  }
}
