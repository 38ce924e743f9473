/**
 * One timer for the whole process: deadlines rounded up to a tick, in slots, so that arming and disarming one is a
 * list operation and the runtime sees a single `setTimeout` for the next slot that has work.
 *
 * Deadlines are lazy: an entry that was pushed back stays in its slot and is moved when that slot comes up, which
 * makes the common "still alive" touch one assignment.
 */

/** What the wheel needs of the world. */
export interface TimerHost {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back after `delayMs`; the result cancels. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Something with a deadline: embed it, or extend it. */
export abstract class TimerEntry {
  /** Monotonic ms; 0 when not armed. */
  deadline = 0;
  /** The slot list it stands in; the wheel's own. */
  slot = -1;
  next: TimerEntry | undefined;
  previous: TimerEntry | undefined;
  abstract expire(now: number): void;
}

const SLOTS = 256;
/** Deadlines beyond a turn of the wheel wait here and are looked at once a turn: an idle process hardly wakes for them. */
const FAR = SLOTS;

export class TimerWheel {
  readonly #host: TimerHost;
  readonly #tickMs: number;
  readonly #slots: (TimerEntry | undefined)[] = new Array(SLOTS + 1).fill(undefined);
  /** The tick that has been run last. */
  #tick: number;
  #size = 0;
  #cancel: (() => void) | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(host: TimerHost, tickMs: number) {
    this.#host = host;
    this.#tickMs = tickMs;
    this.#tick = Math.floor(host.now() / tickMs);
  }

  /** Entries that are armed. */
  get size(): number {
    return this.#size;
  }

  /** Arms the entry, or moves its deadline; it expires no earlier than `delayMs` from now and at most a tick or two later. */
  arm(entry: TimerEntry, delayMs: number): void {
    const deadline = this.#host.now() + delayMs;
    const later = entry.slot >= 0 && deadline >= entry.deadline;
    entry.deadline = deadline;
    if (later) return;
    if (entry.slot >= 0) this.#unlink(entry);
    // A wheel that stood empty has not turned: start from here rather than catch up.
    if (this.#size === 0) this.#tick = Math.floor((deadline - delayMs) / this.#tickMs);
    this.#link(entry);
    this.#wake();
  }

  disarm(entry: TimerEntry): void {
    entry.deadline = 0;
    if (entry.slot >= 0) this.#unlink(entry);
    if (this.#size === 0) this.close();
  }

  /** Stops the runtime's timer; armed entries never expire. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }

  #link(entry: TimerEntry): void {
    // Rounded up, and never the current tick: a deadline is never early.
    const tick = Math.max(Math.ceil(entry.deadline / this.#tickMs), this.#tick + 1);
    const slot = tick - this.#tick < SLOTS ? tick % SLOTS : FAR;
    const head = this.#slots[slot];
    entry.slot = slot;
    entry.previous = undefined;
    entry.next = head;
    if (head !== undefined) head.previous = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  #unlink(entry: TimerEntry): void {
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else this.#slots[entry.slot] = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.next = undefined;
    entry.previous = undefined;
    entry.slot = -1;
    this.#size--;
  }

  /** Sets the runtime's timer for the next slot with entries, unless it is set for an earlier one. */
  #wake(): void {
    if (this.#size === 0) {
      this.close();
      return;
    }
    const turn = this.#tick - (this.#tick % SLOTS) + SLOTS;
    let tick = this.#tick + 1;
    while (tick < turn + SLOTS && this.#slots[tick % SLOTS] === undefined) tick++;
    if (this.#slots[FAR] !== undefined && tick > turn) tick = turn;
    const at = tick * this.#tickMs;
    if (at >= this.#wakeAt && this.#cancel !== undefined) return;
    this.#cancel?.();
    this.#wakeAt = at;
    this.#cancel = this.#host.after(Math.max(0, at - this.#host.now()), () => {
      this.#cancel = undefined;
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#run();
    });
  }

  #run(): void {
    const now = this.#host.now();
    const target = Math.floor(now / this.#tickMs);
    // After a long pause one turn of the wheel meets every entry.
    const from = Math.max(this.#tick + 1, target - SLOTS + 1);
    const turned = Math.floor(target / SLOTS) > Math.floor(this.#tick / SLOTS);
    this.#tick = target;
    for (let tick = from; tick <= target; tick++) this.#runSlot(tick % SLOTS, now);
    if (turned) this.#runSlot(FAR, now);
    this.#wake();
  }

  #runSlot(slot: number, now: number): void {
    let entry = this.#slots[slot];
    const due: TimerEntry[] = [];
    while (entry !== undefined) {
      const { next } = entry;
      if (entry.deadline <= now) {
        this.#unlink(entry);
        due.push(entry);
      } else if (slot === FAR || Math.ceil(entry.deadline / this.#tickMs) % SLOTS !== slot) {
        this.#unlink(entry);
        this.#link(entry);
      }
      entry = next;
    }
    // An entry that expires may disarm another that is due: its deadline is then 0.
    for (const each of due) {
      if (each.deadline === 0 || each.slot >= 0) continue;
      each.deadline = 0;
      each.expire(now);
    }
  }
}
