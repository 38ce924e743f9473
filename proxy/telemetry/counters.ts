/** Counters and gauges of the proxy itself (`weft_*`): few label sets, known beforehand or bounded by code. */
import { type Family, labelText, type MetricType, writeHeader } from "./exposition.ts";

/** One number; add to it directly. */
export interface Slot {
  value: number;
}

/** A family whose label sets are made when first asked for; keep the slot. */
export class Counters implements Family {
  readonly #name: string;
  readonly #help: string;
  readonly #type: MetricType;
  readonly #labels: readonly string[];
  readonly #slots = new Map<string, Slot>();

  constructor(name: string, help: string, labels: readonly string[] = [], type: MetricType = "counter") {
    this.#name = name;
    this.#help = help;
    this.#labels = labels;
    this.#type = type;
    if (labels.length === 0) this.of();
  }

  of(...values: readonly string[]): Slot {
    const key = labelText(this.#labels, values);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { value: 0 };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  write(out: string[]): void {
    if (this.#slots.size === 0) return;
    writeHeader(out, this.#name, this.#type, this.#help);
    for (const [labels, slot] of this.#slots) {
      out.push(`${this.#name}${labels === "" ? "" : `{${labels}}`} ${slot.value}\n`);
    }
  }
}

/** A family whose series are read when somebody looks: the numbers live where they are counted. */
export class Readings implements Family {
  readonly #name: string;
  readonly #help: string;
  readonly #type: MetricType;
  readonly #labels: readonly string[];
  readonly #read: () => readonly (readonly [values: readonly string[], value: number])[];

  constructor(
    name: string,
    help: string,
    labels: readonly string[],
    type: MetricType,
    read: () => readonly (readonly [values: readonly string[], value: number])[],
  ) {
    this.#name = name;
    this.#help = help;
    this.#labels = labels;
    this.#type = type;
    this.#read = read;
  }

  write(out: string[]): void {
    const series = this.#read();
    if (series.length === 0) return;
    writeHeader(out, this.#name, this.#type, this.#help);
    for (const [values, value] of series) {
      out.push(`${this.#name}{${labelText(this.#labels, values)}} ${value}\n`);
    }
  }
}

/** A gauge that is read when somebody looks. */
export class Reading implements Family {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => number;

  constructor(name: string, help: string, read: () => number) {
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  write(out: string[]): void {
    writeHeader(out, this.#name, "gauge", this.#help);
    out.push(`${this.#name} ${this.#read()}\n`);
  }
}
