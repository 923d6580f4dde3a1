/** Where the fixed fields of an event's bytes stand, and the flags: `docs/reference/event-format.md`. */
export const FORMAT = 1;

export const FLAGS = 1;
export const ID = 2;
export const AT = 18;
export const RECORDED_AT = 24;
export const SCHEMA_VERSION = 30;
export const REVISION = 32;
/** Type, stream and actor follow, each after its length in one byte. */
export const NAMES = 38;

/** The data is packed by its type's own rule; else it is canonical JSON. */
export const PACKED = 1;
export const CAUSATION = 2;
export const KEY_MARK = 4;
