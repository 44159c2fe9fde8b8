// RESP2 frames, as far as a proxy has to tell them apart.

// The end of the frame that begins at `at`, or -1 where the buffer does not hold all of it.
export function frameEnd(buffer, at) {
  const line = buffer.indexOf('\r\n', at);
  if (line < 0) return -1;
  const number = () => Number(buffer.toString('latin1', at + 1, line));
  switch (String.fromCharCode(buffer[at])) {
    case '$': {
      if (number() < 0) return line + 2;
      const end = line + 2 + number() + 2;
      return end <= buffer.length ? end : -1;
    }
    case '*': {
      let next = line + 2;
      for (let left = number(); left > 0 && next >= 0; --left) next = frameEnd(buffer, next);
      return next;
    }
    default:
      return line + 2;
  }
}

// The words of a command, which is an array of bulk strings.
export function wordsOf(frame) {
  const words = [];
  let at = frame.indexOf('\r\n') + 2;
  while (at < frame.length) {
    const line = frame.indexOf('\r\n', at);
    const length = Number(frame.toString('latin1', at + 1, line));
    words.push(frame.toString('latin1', line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return words;
}

// Cuts a stream into frames.
export class Frames {
  #rest = Buffer.alloc(0);

  // Returns the frames that `chunk` completes.
  push(chunk) {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    const frames = [];
    let at = 0;
    while (at < this.#rest.length) {
      const end = frameEnd(this.#rest, at);
      if (end < 0) break;
      frames.push(this.#rest.subarray(at, end));
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
    return frames;
  }
}
