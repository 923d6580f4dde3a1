type Level = { readonly keys: Set<string> | null; readonly path: string; next: string };

const STRING = /"(?:[^"\\]|\\.)*"/y;

/** The path of the first key that stands twice in one object of a well-formed JSON text, as `"set.title"`. */
export function duplicateKey(text: string): string {
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!;
    const level = levels.at(-1);
    if (character === '{' || character === '[') {
      const path = level === undefined ? '' : level.next;
      levels.push({ keys: character === '{' ? new Set() : null, path, next: path });
    } else if (character === '}' || character === ']') levels.pop();
    else if (character === '"') {
      STRING.lastIndex = at;
      const token = STRING.exec(text)![0];
      at += token.length - 1;
      if (level === undefined || level.keys === null || !isName(text, at + 1)) continue;
      const key = JSON.parse(token) as string;
      level.next = level.path === '' ? key : `${level.path}.${key}`;
      if (level.keys.has(key)) return JSON.stringify(level.next);
      level.keys.add(key);
    }
  }
  return 'of an object';
}

/** A string before a colon is a name. */
function isName(text: string, after: number): boolean {
  return /^\s*:/.test(text.slice(after, after + 64));
}
