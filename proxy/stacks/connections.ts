/** Every client connection that is open, by side, so that a drain can end them in order and knows when it is over. */
import type { Slot } from "../telemetry/counters.ts";
import type { Side, Telemetry } from "../telemetry/telemetry.ts";

/** A connection that can be asked to end. */
export interface Drainable {
  /** Ends after what it is doing; when `now` is true also if it is doing nothing. */
  drain(now: boolean): void;
  /** Breaks off. */
  destroy(): void;
}

/** Where a connection is known for as long as it is open. */
export interface Register<T> {
  add(connection: T): void;
  delete(connection: T): void;
}

export class Connections {
  readonly #open: Record<Side, Set<Drainable>> = {
    outbound: new Set(),
    inbound: new Set(),
    admin: new Set(),
  };
  readonly #gauges: Record<Side, Slot>;
  #draining = false;

  constructor(telemetry: Telemetry) {
    const gauge = (side: Side) => telemetry.openConnections.of(side);
    this.#gauges = { outbound: gauge("outbound"), inbound: gauge("inbound"), admin: gauge("admin") };
  }

  get draining(): boolean {
    return this.#draining;
  }

  count(side: Side): number {
    return this.#open[side].size;
  }

  /** Traffic of the application, either way. */
  get size(): number {
    return this.#open.outbound.size + this.#open.inbound.size;
  }

  add(side: Side, connection: Drainable): void {
    this.#open[side].add(connection);
    this.#gauges[side].value++;
    if (this.#draining) connection.drain(false);
  }

  of(side: Side): Register<Drainable> {
    return {
      add: (connection) => this.add(side, connection),
      delete: (connection) => this.delete(side, connection),
    };
  }

  delete(side: Side, connection: Drainable): void {
    if (this.#open[side].delete(connection)) this.#gauges[side].value--;
  }

  /** Asks every connection to end: idle ones now, new ones after their first exchange. */
  drain(): void {
    this.#draining = true;
    for (const side of ["inbound", "outbound"] as const)
      for (const each of [...this.#open[side]]) each.drain(true);
  }

  /** Breaks off what is left. */
  destroy(): void {
    for (const side of ["inbound", "outbound", "admin"] as const) {
      for (const each of [...this.#open[side]]) each.destroy();
    }
  }
}
