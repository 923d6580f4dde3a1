import { type Disk, type DiskFile, nodeDisk } from '#log/embedded/disk.ts';

export type Operation = 'create' | 'open' | 'rename' | 'syncFolder' | 'write' | 'truncate' | 'sync' | 'close';

/** What goes wrong, with which system error, and how much of a write is done nevertheless, from 0 to 1. */
export type Fault = { readonly code: 'ENOSPC' | 'EIO'; readonly written?: number };

/** The machine's own disk, of which a test makes operations fail. */
export class FailingDisk implements Disk {
  /** Asked before every operation: the fault it meets, or `null`. */
  faultOf: (operation: Operation, path: string) => Fault | null = () => null;
  /** How many bytes it says are free; what there really is unless set. */
  free: number | null = null;
  /** How many operations have failed. */
  faults = 0;

  async create(path: string, synced: boolean): Promise<DiskFile> {
    this.#meet('create', path);
    return this.#file(path, await nodeDisk.create(path, synced));
  }

  async open(path: string, synced: boolean): Promise<DiskFile> {
    this.#meet('open', path);
    return this.#file(path, await nodeDisk.open(path, synced));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#meet('rename', to);
    await nodeDisk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return nodeDisk.remove(path);
  }

  async syncFolder(dir: string): Promise<void> {
    this.#meet('syncFolder', dir);
    await nodeDisk.syncFolder(dir);
  }

  async freeBytes(dir: string): Promise<number> {
    return this.free ?? nodeDisk.freeBytes(dir);
  }

  #meet(operation: Operation, path: string): void {
    const fault = this.faultOf(operation, path);
    if (fault === null) return;
    this.faults += 1;
    throw systemError(fault.code, operation);
  }

  #file(path: string, file: DiskFile): DiskFile {
    return {
      write: async (bytes, position) => {
        const fault = this.faultOf('write', path);
        if (fault === null) return file.write(bytes, position);
        const written = Math.floor(bytes.length * (fault.written ?? 0));
        this.faults += 1;
        if (written > 0) await file.write(bytes.subarray(0, written), position);
        throw systemError(fault.code, 'write');
      },
      truncate: async (sizeBytes) => {
        this.#meet('truncate', path);
        await file.truncate(sizeBytes);
      },
      sync: async () => {
        this.#meet('sync', path);
        await file.sync();
      },
      close: async () => {
        await file.close();
        this.#meet('close', path);
      },
    };
  }
}

export function systemError(code: string, operation: string): Error {
  return Object.assign(new Error(`${code}: ${operation}`), { code });
}
