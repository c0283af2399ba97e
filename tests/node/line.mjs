// A line to the server that can be cut, as networks are.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Line {
  #ends = new Set();
  #server = createServer((near) => {
    const far = connect(this.#port, '127.0.0.1');
    for (const [end, other] of [[near, far], [far, near]]) {
      this.#ends.add(end);
      end.pipe(other);
      end.on('error', () => other.destroy());
      end.on('close', () => this.#ends.delete(end) && other.destroy());
    }
  });
  #port;

  /** The address under which the server at `url` is reached by a new line. */
  static async to(url) {
    const line = new Line();
    line.#port = new URL(url).port;
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    line.own = line.#server.address().port;
    line.url = `http://127.0.0.1:${line.own}${new URL(url).pathname}`;
    return line;
  }

  /** Cut all connections, and take no new ones until it is mended. */
  async cut() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const end of this.#ends) end.destroy();
    await closed;
  }

  async mend() {
    this.#server.listen(this.own, '127.0.0.1');
    await once(this.#server, 'listening');
  }
}
