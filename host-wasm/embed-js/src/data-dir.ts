/** The data directory: one proxy at a time, closed to others (B-5.10). */

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";

/** A proxy that runs, as the lock names it. */
interface Holder {
  host: string;
  /** The boot of the system; empty where it does not say. */
  boot: string;
  pid: number;
  /** When the process began, since its id may be used again; empty where the system does not say. */
  began: string;
}

export class DataDirHeld extends Error {}

/** A data directory that is ours until it is let go. */
export class DataDir {
  readonly #lock: string;

  /** Takes the directory; makes it, mode 0700, where it is missing. */
  constructor(readonly path: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#lock = join(path, "lock.json");
    const own = JSON.stringify(holderOf(process.pid));
    while (!this.#take(own)) this.#clear();
  }

  letGo(): void {
    rmSync(this.#lock, { force: true });
  }

  /** Whether it is ours now. The lock is linked into its place, so that nobody ever reads half of one. */
  #take(own: string): boolean {
    const draft = `${this.#lock}.${randomUUID()}`;
    writeFileSync(draft, own, { mode: 0o600 });
    try {
      linkSync(draft, this.#lock);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return false;
    } finally {
      unlinkSync(draft);
    }
  }

  /** Moves the lock of a proxy that is gone out of the way; throws where it is not. */
  #clear(): void {
    const found = this.#read();
    if (found === undefined) return;
    if (!isGone(found)) throw this.#held(found);
    const aside = `${this.#lock}.${randomUUID()}`;
    renameSync(this.#lock, aside);
    // Between the look and the move another proxy may have done the same, and taken the directory.
    const isWhatWasSeen = readFileSync(aside, "utf8") === found;
    if (!isWhatWasSeen) linkSync(aside, this.#lock);
    unlinkSync(aside);
    if (!isWhatWasSeen) throw this.#held("");
  }

  #read(): string | undefined {
    try {
      return readFileSync(this.#lock, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  #held(by: string): DataDirHeld {
    return new DataDirHeld(
      `the data directory ${this.path} is held by another proxy, and two never share an outbox: stop that one, give ` +
        `this one another dataDir, or, where none runs, remove ${this.#lock} (${by})`,
    );
  }
}

function holderOf(pid: number): Holder {
  return { host: hostname(), boot: said("/proc/sys/kernel/random/boot_id"), pid, began: beginOf(pid) };
}

/** Whether it is certain that a proxy runs no more. What this system cannot see, another host, may well run. */
function isGone(lock: string): boolean {
  let holder: Holder;
  try {
    holder = JSON.parse(lock) as Holder;
  } catch {
    return false;
  }
  if (holder.host !== hostname()) return false;
  const present = holderOf(holder.pid);
  return holder.boot !== present.boot || !isRunning(holder.pid) || holder.began !== present.began;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of `stat`; the second, the program's name, may hold anything. */
function beginOf(pid: number): string {
  const stat = said(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function said(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
