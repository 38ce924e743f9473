const started = Number(process.env.WEFT_STARTED ?? Date.now() / 1000) * 1000;

/** Says on stderr what is being done, with the time since the command began. */
export function step(message: string): void {
  const seconds = Math.floor((Date.now() - started) / 1000);
  console.error(
    `[${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, "0")}] ${message}`,
  );
}
