/** What outlives a run: a log of batches, each synced before it is acknowledged (B-5.9). */

import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncate,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  write,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { Change, Input, Stored } from "../generated/interfaces/relay-mcp-proxy-machine.js";
import type { DataDir } from "./data-dir.js";
import { HEAD, type Records, apply, lineOf, read } from "./log-file.js";

const asynchronously = {
  write: promisify(write),
  sync: promisify(fdatasync),
  truncate: promisify(ftruncate),
};

/** The store is not what a proxy left there. Nothing was overwritten. */
export class StoreDamaged extends Error {
  constructor(path: string, what: string) {
    super(
      `the store ${path} is damaged: ${what}. Nothing was overwritten. Restore it from a backup, or move it away to ` +
        "start with an empty outbox; it is a text file, one line for each batch of changes",
    );
  }
}

type Acknowledgement = Extract<Input, { tag: "durable" | "store-failed" }>;

interface Batch {
  ticket: bigint;
  changes: Change[];
}

/** A log that is this long, and twice as long as what it comes to, is written anew. */
const LONG = 1 << 20;

export class Store {
  readonly path: string;
  readonly #records: Records;
  #file: number;
  /** Where the next batch goes: behind the last one that is synced. */
  #end: number;
  /** How long the log was when it was last written anew. */
  #anew: number;
  /** After a failed sync nothing is known of the file: it is written anew before it is used again. */
  #isDoubtful = false;
  #waiting: Batch[] = [];
  #writing: Promise<void> | undefined;
  #acknowledge: (input: Acknowledgement) => void = () => {};

  /** Opens the store in this directory; a first start makes an empty one. */
  constructor(directory: DataDir) {
    this.path = join(directory.path, "store.log");
    const found = contentOf(this.path);
    if (found === undefined) {
      this.#records = new Map();
      [this.#file, this.#end] = writeAnew(this.path, this.#records);
    } else {
      const content = read(found);
      if (typeof content === "string") throw new StoreDamaged(this.path, content);
      this.#records = content.records;
      this.#file = openSync(this.path, "r+");
      this.#end = content.whole;
      ftruncateSync(this.#file, this.#end);
      fsyncSync(this.#file);
    }
    this.#anew = this.#end;
  }

  /** Whom to tell what became of batches. */
  onAcknowledged(acknowledge: (input: Acknowledgement) => void): void {
    this.#acknowledge = acknowledge;
  }

  /** All that is durable. */
  records(): Stored[] {
    return [...this.#records.values()];
  }

  /** Has a batch written, behind those that wait. Returns at once. */
  persist(ticket: bigint, changes: Change[]): void {
    this.#waiting.push({ ticket, changes });
    this.#writing ??= this.#write();
  }

  /** When all that was given is written and acknowledged. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Writes what is left, and closes the file. */
  async close(): Promise<void> {
    await this.idle();
    closeSync(this.#file);
  }

  async #write(): Promise<void> {
    // What is given in the same turn of the event loop is written, and synced, together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0));
    this.#writing = undefined;
  }

  /** One sync for the whole group. */
  async #commit(group: Batch[]): Promise<void> {
    const through = group.at(-1)?.ticket ?? 0n;
    try {
      await this.#append(Buffer.concat(group.map((batch) => lineOf(batch.changes))));
    } catch (error) {
      return this.#acknowledge({ tag: "store-failed", val: { through, reason: `the store ${this.path}: ${error}` } });
    }
    for (const { changes } of group) changes.forEach((change) => apply(this.#records, change));
    this.#acknowledge({ tag: "durable", val: through });
    if (this.#end > LONG && this.#end > 2 * this.#anew) this.#tryWriteAnew();
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#isDoubtful && !this.#tryWriteAnew()) throw new Error("it cannot be written anew after a failure");
    try {
      let written = 0;
      while (written < bytes.length) {
        const rest = bytes.length - written;
        written += (await asynchronously.write(this.#file, bytes, written, rest, this.#end + written)).bytesWritten;
      }
      await asynchronously.sync(this.#file);
    } catch (error) {
      // A batch that was refused must not be found by the next start.
      this.#isDoubtful = true;
      await asynchronously.truncate(this.#file, this.#end).catch(() => {});
      throw error;
    }
    this.#end += bytes.length;
  }

  /** Writes the records as they are to a new file; whether that was done. */
  #tryWriteAnew(): boolean {
    try {
      const old = this.#file;
      [this.#file, this.#end] = writeAnew(this.path, this.#records);
      closeSync(old);
      this.#anew = this.#end;
      this.#isDoubtful = false;
      return true;
    } catch {
      // The new one may be in the place of the old one already.
      this.#isDoubtful = true;
      return false;
    }
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A file with these records, in the place of the one that was there. Gives it, and its length. */
function writeAnew(path: string, records: Records): [file: number, end: number] {
  const draft = `${path}.new`;
  const lines = [...records.values()].map((record) => lineOf([{ tag: "put", val: record }]));
  const content = Buffer.concat([Buffer.from(HEAD), ...lines]);
  const file = openSync(draft, "w+", 0o600);
  try {
    for (let written = 0; written < content.length; ) written += writeSync(file, content, written);
    fsyncSync(file);
    renameSync(draft, path);
    syncDirectory(dirname(path));
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return [file, content.length];
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
