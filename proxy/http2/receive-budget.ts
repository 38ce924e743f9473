/**
 * What the process holds of bodies that nobody has taken yet, over all connections of HTTP/2.
 *
 * While that is little, a connection's window is given back as DATA comes in, so that streams whose readers are slow hold
 * back only themselves. Beyond it a connection gets its window back as its streams' takers take: then it holds no more than
 * its window.
 */
export class ReceiveBudget {
  readonly #limit: number;
  held = 0;

  constructor(limit = 16 * 1024 * 1024) {
    this.#limit = limit;
  }

  get exceeded(): boolean {
    return this.held > this.#limit;
  }
}
