/** One page of what is there in memory; a cursor is how many items came before. */
export function memoryPage<Item>(items: readonly Item[], limit: number, cursor: string | undefined) {
  const from = Number(cursor ?? 0);
  const next = from + limit < items.length ? String(from + limit) : null;
  return { items: items.slice(from, from + limit), next };
}
