import type { RecordedEvent } from '#events/event.ts';
import type { EventLog } from '#log/event-log.ts';

const KEPT_MAX = 50_000;

/** Which library a photo's or an album's stream belongs to: only its first event says so, and a stream never moves. */
export class PhotoLibraries {
  readonly #log: EventLog;
  readonly #known = new Map<string, string>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** The library, once `learn` has seen the event; `null` for what belongs to none. */
  of(event: RecordedEvent): string | null {
    return libraryIn(event) ?? this.#known.get(event.stream) ?? null;
  }

  /** Reads what the events do not say themselves; `null` when nothing must be read. */
  learn(events: readonly RecordedEvent[]): Promise<void> | null {
    const unknown = events.filter(
      (event) => isOfLibrary(event) && libraryIn(event) === null && !this.#known.has(event.stream),
    );
    return unknown.length === 0 ? null : this.#read(new Set(unknown.map(({ stream }) => stream)));
  }

  async #read(streams: ReadonlySet<string>): Promise<void> {
    for (const stream of streams) {
      for await (const first of this.#log.readStream(stream, { limit: 1 })) {
        const library = libraryIn(first);
        if (library === null) continue;
        if (this.#known.size >= KEPT_MAX) this.#known.clear();
        this.#known.set(stream, library);
      }
    }
  }
}

function libraryIn(event: RecordedEvent): string | null {
  const { library } = event.data;
  return isOfLibrary(event) && typeof library === 'string' ? library : null;
}

function isOfLibrary({ stream }: RecordedEvent): boolean {
  return stream.startsWith('photo-') || stream.startsWith('album-');
}
